//! Tensors that versions of MONAI register and never use (specification 12).

use crate::weights::ParameterInfo;
use std::fmt;
use std::str::FromStr;

/// Versions of MONAI that differ in what their networks register.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MonaiVersion {
    /// 0.7 and 0.8: a class token, and convolutions in residual blocks that need none.
    V0_8,
    /// 0.9 to 1.3: nothing unused.
    V0_9,
    /// 1.4 and 1.5: cross attention with its norm.
    V1_4,
    /// 1.6: the norm of cross attention.
    V1_6,
}

impl FromStr for MonaiVersion {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut parts = text.split('.');
        let mut number = || parts.next().and_then(|part| part.parse::<u32>().ok());
        match (number(), number()) {
            (Some(0), Some(7 | 8)) => Ok(MonaiVersion::V0_8),
            (Some(0), Some(9)) | (Some(1), Some(0..=3)) => Ok(MonaiVersion::V0_9),
            (Some(1), Some(4 | 5)) => Ok(MonaiVersion::V1_4),
            (Some(1), Some(6)) => Ok(MonaiVersion::V1_6),
            _ => Err("give a version from 0.7 to 1.6, such as 1.5".to_owned()),
        }
    }
}

impl fmt::Display for MonaiVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            MonaiVersion::V0_8 => "0.7 and 0.8",
            MonaiVersion::V0_9 => "0.9 to 1.3",
            MonaiVersion::V1_4 => "1.4 and 1.5",
            MonaiVersion::V1_6 => "1.6",
        })
    }
}

/// The tensors that a version registers beside these, as zeros. `encoder` stands before the names of the transformer.
pub(super) fn unused_tensors(
    parameters: &[(ParameterInfo, Vec<f32>)],
    encoder: &str,
    version: MonaiVersion,
) -> Vec<(ParameterInfo, Vec<f32>)> {
    let mut added = Vec::new();
    let mut add = |name: String, shape: Vec<usize>| {
        let values = vec![0.0; shape.iter().product()];
        added.push((ParameterInfo { name, shape }, values));
    };
    // A square of the width is written for a vector of it, so a file with a long vector must have squares to show for it.
    let projects = |block: &str, hidden: usize| {
        let name = format!("{block}attn.qkv.weight");
        let square = |shape: &[usize]| matches!(shape, [rows, columns] if *rows >= hidden && *columns == hidden);
        (parameters.iter()).any(|(info, _)| info.name == name && square(&info.shape))
    };
    for (info, _) in parameters {
        match (version, info.shape.as_slice()) {
            (MonaiVersion::V0_8, [1, _, hidden]) => {
                if let Some(start) = info.name.strip_suffix("position_embeddings") {
                    add(format!("{start}cls_token"), vec![1, 1, *hidden]);
                }
            }
            (MonaiVersion::V0_8, [output, input, 3, 3, 3]) if output == input => {
                if let Some(start) = info.name.strip_suffix(".1.conv1.conv.weight") {
                    add(
                        format!("{start}.1.conv3.conv.weight"),
                        vec![*output, *input, 1, 1, 1],
                    );
                }
            }
            (MonaiVersion::V1_4 | MonaiVersion::V1_6, [hidden]) => {
                // Cross attention has biases where attention has them.
                if version == MonaiVersion::V1_4
                    && let Some(block) = block_of(&info.name, encoder, "attn.qkv.bias")
                {
                    for end in ["to_q", "to_k", "to_v"] {
                        add(format!("{block}cross_attn.{end}.bias"), vec![*hidden / 3]);
                    }
                }
                let Some(block) = block_of(&info.name, encoder, "norm1.weight") else {
                    continue;
                };
                for end in ["weight", "bias"] {
                    add(format!("{block}norm_cross_attn.{end}"), vec![*hidden]);
                }
                if version == MonaiVersion::V1_4 && projects(block, *hidden) {
                    for end in ["out_proj", "to_q", "to_k", "to_v"] {
                        add(format!("{block}cross_attn.{end}.weight"), vec![*hidden; 2]);
                    }
                    add(format!("{block}cross_attn.out_proj.bias"), vec![*hidden]);
                }
            }
            _ => {}
        }
    }
    added
}

/// What stands before `own` in the name of a transformer's block. UNETR's decoder has blocks and norms too.
fn block_of<'n>(name: &'n str, encoder: &str, own: &str) -> Option<&'n str> {
    let (number, rest) = name
        .strip_prefix(encoder)?
        .strip_prefix("blocks.")?
        .split_once('.')?;
    let numbered = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    if !numbered || rest != own {
        return None;
    }
    name.strip_suffix(own)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_grouped_by_what_they_register() {
        assert_eq!("0.8.1".parse(), Ok(MonaiVersion::V0_8));
        assert_eq!("1.5".parse(), Ok(MonaiVersion::V1_4));
        assert_eq!("1.6.1".parse(), Ok(MonaiVersion::V1_6));
        assert!("2.0".parse::<MonaiVersion>().is_err());
        assert!("1".parse::<MonaiVersion>().is_err());
    }

    #[test]
    fn a_block_of_1_5_has_seven_tensors_nobody_uses() {
        let info = |name: &str, shape: &[usize]| {
            let (name, shape) = (name.to_owned(), shape.to_vec());
            (ParameterInfo { name, shape }, Vec::new())
        };
        let parameters = [
            info("vit.blocks.0.norm1.weight", &[8]),
            info("vit.blocks.0.attn.qkv.weight", &[24, 8]),
            info("vit.patch_embedding.position_embeddings", &[1, 27, 8]),
            info("encoder2.blocks.0.1.conv1.conv.weight", &[4, 4, 3, 3, 3]),
        ];
        let names = |version| -> Vec<String> {
            let added = unused_tensors(&parameters, "vit.", version);
            added.into_iter().map(|(info, _)| info.name).collect()
        };
        assert_eq!(names(MonaiVersion::V1_4).len(), 7);
        assert_eq!(
            names(MonaiVersion::V1_6),
            [
                "vit.blocks.0.norm_cross_attn.weight",
                "vit.blocks.0.norm_cross_attn.bias"
            ]
        );
        assert_eq!(
            names(MonaiVersion::V0_8),
            [
                "vit.patch_embedding.cls_token",
                "encoder2.blocks.0.1.conv3.conv.weight"
            ]
        );
        assert!(names(MonaiVersion::V0_9).is_empty());
    }

    #[test]
    fn cross_attention_of_1_5_has_biases_where_attention_has_them() {
        let bias = |name: &str, size: usize| {
            let (name, shape) = (name.to_owned(), vec![size]);
            (ParameterInfo { name, shape }, vec![1.0; size])
        };
        let weight = ParameterInfo {
            name: "vit.blocks.0.attn.qkv.weight".to_owned(),
            shape: vec![24, 8],
        };
        let weight = (weight, vec![1.0; 192]);
        let parameters = [
            bias("vit.blocks.0.norm1.weight", 8),
            weight,
            bias("vit.blocks.0.attn.qkv.bias", 24),
        ];
        let added = unused_tensors(&parameters, "vit.", MonaiVersion::V1_4);
        assert_eq!(added.len(), 10);
        for end in ["to_q", "to_k", "to_v"] {
            let name = format!("vit.blocks.0.cross_attn.{end}.bias");
            let (info, values) = added.iter().find(|(info, _)| info.name == name).unwrap();
            assert_eq!(info.shape, [8]);
            assert_eq!(*values, [0.0; 8]);
        }
        // 1.6 registers no cross attention.
        let added = unused_tensors(&parameters, "vit.", MonaiVersion::V1_6);
        assert_eq!(added.len(), 2);
    }

    #[test]
    fn a_norm_longer_than_its_block_is_wide_asks_for_no_memory() {
        let info = |name: &str, shape: &[usize]| {
            let (name, shape) = (name.to_owned(), shape.to_vec());
            (ParameterInfo { name, shape }, Vec::new())
        };
        let parameters = [
            info("vit.blocks.0.norm1.weight", &[1 << 20]),
            info("vit.blocks.0.attn.qkv.weight", &[3, 1 << 20]),
        ];
        let added = unused_tensors(&parameters, "vit.", MonaiVersion::V1_4);
        assert!(added.iter().all(|(_, values)| values.len() <= 1 << 20));
    }

    #[test]
    fn norms_outside_the_transformer_have_no_cross_attention() {
        let weight = |name: &str| {
            let (name, shape) = (name.to_owned(), vec![8]);
            (ParameterInfo { name, shape }, vec![1.0; 8])
        };
        // Of UNETR with norms that have weights, of a residual block of its decoder, and of what is no block.
        let outside = [
            "decoder2.conv_block.norm1.weight",
            "encoder2.blocks.0.1.norm1.weight",
            "encoder2.blocks.0.norm1.weight",
            "vit.norm1.weight",
            "vit.blocks.x.norm1.weight",
            "vit.blocks.0.mlp.norm1.weight",
        ]
        .map(weight);
        for version in [MonaiVersion::V1_4, MonaiVersion::V1_6] {
            assert!(unused_tensors(&outside, "vit.", version).is_empty());
        }
        let bare = [weight("blocks.11.norm1.weight")];
        assert_eq!(unused_tensors(&bare, "", MonaiVersion::V1_6).len(), 2);
    }
}
