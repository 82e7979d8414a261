//! Weights of nearly the same network.

use super::*;

#[test]
fn a_tensor_of_another_shape_is_refused_even_with_as_many_numbers() {
    let mut turned = unetr();
    for (info, _) in &mut turned {
        if info.name.ends_with("attn.qkv.weight") {
            info.shape.reverse();
        }
    }
    for options in [&ENCODER, &ALL] {
        let error = moved(&turned, &unetr(), options).unwrap_err();
        assert!(matches!(error, TransferError::Shape { .. }), "{error}");
    }
}

#[test]
fn a_deeper_decoder_is_not_cut_short_where_all_of_it_is_needed() {
    let level: (&str, &[usize]) = ("decoder9.transp_conv.conv.weight", &[2, 2, 2, 2, 2]);
    let deeper = with(unetr(), &[level]);
    let error = moved(&deeper, &unetr(), &ALL).unwrap_err();
    let expected = TransferError::LeftOver {
        first: level.0.to_owned(),
        count: 1,
    };
    assert_eq!(error, expected);
    assert!(moved(&deeper, &unetr(), &ENCODER).is_ok());
}
