//! The tensors of a complete transformer.

use super::names::POSITIONS;

/// How many axes a tensor of the transformer has.
pub(super) fn axes(name: &str, perceptron: bool) -> usize {
    match name {
        POSITIONS => 3,
        "patch_embedding.patch_embeddings.weight" => {
            if perceptron {
                2
            } else {
                5
            }
        }
        _ if name.ends_with(".weight") && !name.contains("norm") => 2,
        _ => 1,
    }
}

/// Names of a complete transformer, whose patch embedding is a convolution.
pub(super) fn encoder_names(layers: usize) -> Vec<String> {
    const BLOCK: [&str; 11] = [
        "mlp.linear1.weight",
        "mlp.linear1.bias",
        "mlp.linear2.weight",
        "mlp.linear2.bias",
        "norm1.weight",
        "norm1.bias",
        "attn.out_proj.weight",
        "attn.out_proj.bias",
        "attn.qkv.weight",
        "norm2.weight",
        "norm2.bias",
    ];
    let ends = [
        POSITIONS,
        "patch_embedding.patch_embeddings.weight",
        "patch_embedding.patch_embeddings.bias",
        "norm.weight",
        "norm.bias",
    ];
    let blocks = (0..layers).flat_map(|block| {
        BLOCK
            .iter()
            .map(move |name| format!("blocks.{block}.{name}"))
    });
    ends.iter()
        .map(|name| (*name).to_owned())
        .chain(blocks)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transformer_of_twelve_layers_has_137_tensors() {
        assert_eq!(encoder_names(12).len(), 137);
    }
}
