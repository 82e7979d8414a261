//! What fine-tuning takes of weights to start from, and what it says of them.

use super::*;

#[test]
fn position_embeddings_that_fit_are_kept_where_nothing_tells_their_grid() {
    let source = vit("", 8);
    let to = [4, 2, 1];
    let asked = |from| TransferOptions {
        positions: Some(PatchGrids { from, to }),
        ..ENCODER
    };
    let (values, report) = moved(&source, &unetr(), &asked(None)).unwrap();
    assert!(report.resized.is_empty(), "{report}");
    let mut positions = source.iter();
    let positions = positions.find(|(info, _)| info.name == names::POSITIONS);
    let found = &values["vit.patch_embedding.position_embeddings"];
    assert_eq!(found, &positions.unwrap().1);
    // Those of a cube that is told are interpolated.
    let (_, report) = moved(&source, &unetr(), &asked(Some([2; 3]))).unwrap();
    assert_eq!(report.resized[0].reason, "2x2x2 to 4x2x1 patches");
}

#[test]
fn a_grid_from_settings_beside_weights_counts_only_where_it_can_be_theirs() {
    let bytes = encode(&vit("encoder.vit.", 8), None).unwrap();
    let file = WeightsFile::open(&bytes).unwrap();
    for (beside, counts) in [
        (Some([4, 2, 1]), true),
        (Some([3, 3, 2]), false),
        (Some([usize::MAX; 3]), false),
        (None, true),
    ] {
        let found = PatchGrids::guessed(beside, [2; 3], &file);
        assert_eq!(found.from, beside.filter(|_| counts));
    }
}

#[test]
fn an_encoder_of_another_grid_of_as_many_patches_starts_nothing_unless_it_may_be_interpolated() {
    let start = |from, resize| {
        let to = [4, 2, 1];
        TransferOptions::starting(PatchGrids { from, to }, resize)
    };
    let error = start(Some([2; 3]), false).unwrap_err();
    assert!(matches!(error, TransferError::OtherGrid { .. }), "{error}");
    for same in [None, Some([4, 2, 1])] {
        assert_eq!(start(same, false), Ok(ENCODER));
    }
    let options = start(Some([2; 3]), true).unwrap();
    let (_, report) = moved(&vit("", 8), &unetr(), &options).unwrap();
    assert_eq!(report.resized[0].reason, "2x2x2 to 4x2x1 patches");
}

#[test]
fn a_start_that_was_changed_or_left_out_is_told_and_one_of_other_classes_is_not() {
    let asked = TransferOptions {
        positions: Some(PatchGrids {
            from: None,
            to: [2; 3],
        }),
        ..ENCODER
    };
    let notice = |from: &Tensors| moved(from, &unetr(), &asked).unwrap().1.notice();
    let mut other = unetr();
    let last = other.len() - 1;
    other[last] = tensor("out.conv.conv.bias", &[5]);
    assert_eq!(notice(&other), None);
    assert_eq!(notice(&with(vit("", 8), &HEAD)), None);
    other[last - 1] = tensor("decoder2.transp_conv.conv.weight", &[4, 4, 2, 2, 2]);
    let text = notice(&other).unwrap();
    assert!(text.contains("1 tensor of the decoder"), "{text}");
    let text = notice(&with(vit("vit.", 27), &DECODER)).unwrap();
    assert!(text.contains("(3x3x3 to 2x2x2 patches)"), "{text}");
    assert!(!text.contains("decoder"), "{text}");
}
