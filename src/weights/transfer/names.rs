//! What the names of a set of tensors say: which network it is, and under which prefix.

use super::parts::{Part, convolution, transformer};
use crate::weights::ENCODER;
use std::collections::BTreeSet;

/// Networks that are recognised by their names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum NetworkKind {
    /// A bare vision transformer.
    #[serde(rename = "ViT")]
    Vit,
    /// The pre-training network, MONAI's `ViTAutoEnc`.
    #[serde(rename = "ViTAutoEnc")]
    AutoEncoder,
    /// The segmentation network.
    #[serde(rename = "UNETR")]
    Unetr,
    /// The convolutional baseline, [`crate::nn::Unet`].
    #[serde(rename = "U-Net")]
    Unet,
}

impl std::fmt::Display for NetworkKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            NetworkKind::Vit => "ViT",
            NetworkKind::AutoEncoder => "ViTAutoEnc",
            NetworkKind::Unetr => "UNETR",
            NetworkKind::Unet => "U-Net",
        })
    }
}

/// The network that a set of names belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Recognised {
    pub(super) kind: NetworkKind,
    /// What stands before every name.
    pub(super) root: String,
    /// What stands before the names of the transformer, `root` included.
    pub(super) vit: String,
}

/// Names that only MONAI's vision transformers have, and those of a part of one.
const ANCHORS: [&str; 3] = [
    "patch_embedding.patch_embeddings.weight",
    "patch_embedding.patch_embeddings.1.weight",
    "patch_embedding.position_embeddings",
];
const WEAK_ANCHORS: [&str; 2] = ["blocks.0.mlp.linear1.weight", "norm.weight"];

/// Weights of the patch embedding as a linear layer (specification 5.1).
pub(super) const PERCEPTRON: &str = "patch_embedding.patch_embeddings.1.";
pub(super) const PATCHES: &str = "patch_embedding.patch_embeddings.";
pub(super) const POSITIONS: &str = "patch_embedding.position_embeddings";

/// What stands before the names that end with one of the anchors.
fn prefixes<'a>(names: &[&'a str], anchors: &[&str]) -> BTreeSet<&'a str> {
    let prefix = |name: &'a str, anchor: &str| {
        name.strip_suffix(anchor)
            .filter(|prefix| prefix.is_empty() || prefix.ends_with('.'))
    };
    names
        .iter()
        .flat_map(|name| anchors.iter().filter_map(|anchor| prefix(name, anchor)))
        .collect()
}

/// Finds the network that names belong to. `Ok(None)` where there is neither a vision transformer nor our U-Net.
///
/// # Errors
/// Two prefixes, where there is more than one transformer.
pub(super) fn recognise(names: &[&str]) -> Result<Option<Recognised>, [String; 2]> {
    let mut found = prefixes(names, &ANCHORS);
    if found.is_empty() {
        let blocks = prefixes(names, &WEAK_ANCHORS[..1]);
        let norms = prefixes(names, &WEAK_ANCHORS[1..]);
        found = blocks.intersection(&norms).copied().collect();
    }
    let mut found = found.into_iter();
    let vit = match (found.next(), found.next()) {
        (None, _) => return Ok(unet(names)),
        (Some(only), None) => only,
        (Some(first), Some(second)) => return Err([first.to_owned(), second.to_owned()]),
    };
    let has = |root: &str, part| {
        names.iter().any(|name| {
            name.strip_prefix(root)
                .is_some_and(|name| convolution(name) == part)
        })
    };
    let outer = vit
        .strip_suffix(ENCODER)
        .filter(|outer| outer.is_empty() || outer.ends_with('.'));
    let (kind, root) = match outer {
        Some(outer) if has(outer, Some(Part::Decoder)) => (NetworkKind::Unetr, outer),
        _ if has(vit, Some(Part::Head)) => (NetworkKind::AutoEncoder, vit),
        _ => (NetworkKind::Vit, vit),
    };
    Ok(Some(Recognised {
        kind,
        root: root.to_owned(),
        vit: vit.to_owned(),
    }))
}

/// A U-Net, by a name that only it has. Its files are our own, without prefixes.
fn unet(names: &[&str]) -> Option<Recognised> {
    names.contains(&"downs.0.merge.weight").then(|| Recognised {
        kind: NetworkKind::Unet,
        root: String::new(),
        vit: String::new(),
    })
}

impl Recognised {
    /// What a tensor is for, and its name without prefixes.
    pub(super) fn part<'n>(&self, name: &'n str) -> (Part, &'n str) {
        if self.kind == NetworkKind::Unet {
            return (Part::Decoder, name);
        }
        if self.kind == NetworkKind::Unetr
            && let Some(bare) = name.strip_prefix(&self.root)
            && let Some(part) = convolution(bare)
        {
            return (part, bare);
        }
        match name.strip_prefix(&self.vit) {
            Some(bare) => (transformer(bare), bare),
            None => (Part::Other, name),
        }
    }

    /// The name of a tensor in a file without prefixes.
    pub(super) fn plain_name(&self, part: Part, bare: &str) -> String {
        match (self.kind, part) {
            (NetworkKind::Unetr, Part::Encoder) => format!("{ENCODER}{bare}"),
            _ => bare.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind_and_prefixes(names: &[&str]) -> Option<(NetworkKind, String, String)> {
        recognise(names).unwrap().map(|r| (r.kind, r.root, r.vit))
    }

    #[test]
    fn networks_are_recognised_under_any_prefix() {
        let patches = "patch_embedding.patch_embeddings.weight";
        let with = |prefix: &str, more: &str| {
            let names = [format!("{prefix}{patches}"), more.to_owned()];
            kind_and_prefixes(&names.each_ref().map(String::as_str)).unwrap()
        };
        let expect = |kind, root: &str, vit: &str| (kind, root.to_owned(), vit.to_owned());
        assert_eq!(with("", "x"), expect(NetworkKind::Vit, "", ""));
        assert_eq!(with("vit.", "x"), expect(NetworkKind::Vit, "vit.", "vit."));
        assert_eq!(
            with("module.", "module.conv3d_transpose.bias"),
            expect(NetworkKind::AutoEncoder, "module.", "module.")
        );
        assert_eq!(
            with("module.vit.", "module.out.conv.conv.bias"),
            expect(NetworkKind::Unetr, "module.", "module.vit.")
        );
        assert_eq!(
            with("encoder.", "x"),
            expect(NetworkKind::Vit, "encoder.", "encoder.")
        );
    }

    #[test]
    fn other_networks_are_not_recognised() {
        assert_eq!(
            kind_and_prefixes(&["layer1.0.conv1.weight", "fc.bias"]),
            None
        );
        // SwinUNETR has blocks, but no such patches.
        let swin = [
            "swinViT.patch_embed.proj.weight",
            "swinViT.layers1.0.blocks.0.mlp.linear1.weight",
        ];
        assert_eq!(kind_and_prefixes(&swin), None);
    }

    #[test]
    fn two_transformers_are_ambiguous() {
        let names = [
            "student.patch_embedding.position_embeddings",
            "teacher.patch_embedding.position_embeddings",
        ];
        assert_eq!(
            recognise(&names),
            Err(["student.".to_owned(), "teacher.".to_owned()])
        );
    }

    #[test]
    fn the_parts_of_unetr_are_told_apart() {
        let unetr = Recognised {
            kind: NetworkKind::Unetr,
            root: "module.".to_owned(),
            vit: "module.vit.".to_owned(),
        };
        let part = |name| unetr.part(name);
        assert_eq!(
            part("module.encoder1.layer.conv1.conv.weight"),
            (Part::Decoder, "encoder1.layer.conv1.conv.weight")
        );
        assert!(matches!(
            part("module.encoder2.blocks.0.1.conv3.conv.weight").0,
            Part::Unused(_)
        ));
        // A patch of 32 voxels has a level more, and no name with less or more than a number is one.
        for level in ["encoder5", "decoder6"] {
            let name = format!("module.{level}.conv_block.conv1.conv.weight");
            assert_eq!(unetr.part(&name).0, Part::Decoder, "{level}");
        }
        for other in ["encoder", "decoder", "encoder2x", "decoder_2"] {
            let name = format!("module.{other}.conv1.conv.weight");
            assert_eq!(unetr.part(&name).0, Part::Other, "{other}");
        }
        assert_eq!(part("module.vit.norm.bias"), (Part::Encoder, "norm.bias"));
        assert_eq!(part("module.loss.scale").0, Part::Other);
        assert!(matches!(
            part("module.vit.blocks.3.norm_cross_attn.bias").0,
            Part::Unused(_)
        ));
        assert!(matches!(
            part("module.vit.patch_embedding.cls_token").0,
            Part::Unused(_)
        ));
        assert_eq!(
            unetr.plain_name(Part::Encoder, "norm.bias"),
            "vit.norm.bias"
        );
    }
}
