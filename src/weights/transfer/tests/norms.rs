//! Decoders with other norms than the original's.

use super::*;
use safetensors::tensor::{Dtype, TensorView};

fn converted(bytes: &[u8]) -> Result<(Vec<u8>, ConvertReport), crate::weights::WeightsError> {
    convert(bytes, OutputFormat::PyTorch, &ConvertOptions::default())
}

#[test]
fn a_decoder_with_batch_norm_is_refused_for_its_norm() {
    let count = "decoder2.conv_block.norm1.num_batches_tracked";
    let own = unetr();
    let floats = own.iter().map(|(info, values)| {
        let bytes = bytemuck::cast_slice(values);
        let view = TensorView::new(Dtype::F32, info.shape.clone(), bytes).unwrap();
        (info.name.as_str(), view)
    });
    let counted = TensorView::new(Dtype::I64, Vec::new(), &[0; 8]).unwrap();
    let file = safetensors::serialize(floats.chain([(count, counted)]), None).unwrap();
    let mean = with(unetr(), &[("decoder2.conv_block.norm1.running_mean", &[2])]);
    for (file, name) in [
        (file, "num_batches_tracked"),
        (encode(&mean, None).unwrap(), "running_mean"),
    ] {
        let error = converted(&file).unwrap_err().to_string();
        assert!(error.contains(name), "{error}");
        assert!(error.contains("instance norm"), "{error}");
        assert!(!error.contains("quantised"), "{error}");
    }
}

#[test]
fn weights_of_an_instance_norm_are_converted_as_they_are() {
    let affine = with(unetr(), &[("decoder2.conv_block.norm1.weight", &[2])]);
    let source = encode(&affine, None).unwrap();
    assert_eq!(converted(&source).unwrap().1.tensors, 20);
}
