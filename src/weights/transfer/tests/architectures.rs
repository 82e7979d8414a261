//! Networks with a transformer and U-Nets take nothing from each other.

use super::*;

fn unet() -> Tensors {
    let merge = tensor("downs.0.merge.weight", &[4, 2, 2, 2, 2]);
    with(vec![merge], &DECODER)
}

#[test]
fn weights_of_another_architecture_are_named_as_such() {
    let partial = TransferOptions {
        allow_partial: true,
        ..ENCODER
    };
    let transformers = [
        (unetr(), NetworkKind::Unetr),
        (vit("", 8), NetworkKind::Vit),
        (with(vit("", 8), &HEAD), NetworkKind::AutoEncoder),
    ];
    for (other, kind) in &transformers {
        for (from, to, found, wanted) in [
            (other, &unet(), *kind, NetworkKind::Unet),
            (&unet(), other, NetworkKind::Unet, *kind),
        ] {
            for options in [ALL, ENCODER, partial] {
                let error = moved(from, to, &options).unwrap_err();
                let expected = TransferError::OtherArchitecture { found, wanted };
                assert_eq!(error, expected, "{options:?}");
            }
        }
    }
}

#[test]
fn a_unet_takes_what_another_one_has_and_misses_what_was_cut() {
    let (values, report) = moved(&unet(), &unet(), &ALL).unwrap();
    assert_eq!((values.len(), report.encoder), (4, 0));
    let mut cut = unet();
    cut.pop();
    let error = moved(&cut, &unet(), &ALL).unwrap_err();
    assert!(
        matches!(error, TransferError::Parts { missing: 1, .. }),
        "{error}"
    );
}
