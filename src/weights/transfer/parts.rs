//! What a tensor is for, by its name without prefixes.

/// What a tensor is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// The transformer, what pre-training is about.
    Encoder,
    /// The two transposed convolutions of `ViTAutoEnc`.
    Head,
    /// The convolutions of UNETR.
    Decoder,
    /// Registered by some version of MONAI and never used (specification 12), or for what nothing here does; why.
    Unused(&'static str),
    /// Nothing that is known.
    Other,
}

/// Why the class token and the head of `ViT(classification=True)` are left out: the token takes part there, the head
/// makes classes of it.
pub(super) const CLASSIFIES: &str = "of a ViT that classifies, which nothing here does";

/// What a tensor outside the transformer is for.
pub(super) fn convolution(name: &str) -> Option<Part> {
    if is_unused_convolution(name) {
        return Some(Part::Unused("convolution that was never used"));
    }
    let first = name.split('.').next().unwrap_or_default();
    match first {
        "conv3d_transpose" | "conv3d_transpose_1" => Some(Part::Head),
        "out" => Some(Part::Decoder),
        _ => is_level(first).then_some(Part::Decoder),
    }
}

/// What a tensor of the transformer is for, or of what lies beside it in `ViTAutoEnc`.
pub(super) fn transformer(name: &str) -> Part {
    let mut parts = name.split('.');
    match (parts.next().unwrap_or_default(), parts.nth(1)) {
        ("cls_token" | "classification_head", _) => Part::Unused(CLASSIFIES),
        ("linear_1", _) => Part::Unused("linear_1, which was never used"),
        ("patch_embedding", _) if name == "patch_embedding.cls_token" => {
            Part::Unused("class token, which takes no part")
        }
        ("blocks", Some("cross_attn" | "norm_cross_attn")) => {
            Part::Unused("cross attention, which is never used")
        }
        ("blocks" | "patch_embedding" | "norm", _) => Part::Encoder,
        _ => convolution(name).unwrap_or(Part::Other),
    }
}

/// Whether this is a level of UNETR's decoder: `encoder1` and on, `decoder2` and on, more of them the larger the patch.
fn is_level(name: &str) -> bool {
    ["encoder", "decoder"]
        .iter()
        .filter_map(|side| name.strip_prefix(side))
        .any(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Whether a convolution of UNETR is one of those that MONAI 0.7 and 0.8 registered and never used: `conv3` of
/// residual blocks that keep the number of channels.
fn is_unused_convolution(name: &str) -> bool {
    name.split_once(".blocks.")
        .is_some_and(|(level, rest)| is_level(level) && rest.ends_with(".conv3.conv.weight"))
}
