//! What the parameters of each network are called in the original's files.

use crate::nn::{Restorer, Segmenter, Unet, Unetr, ViTAutoEncoder, VisionTransformer};
use burn::module::Module;

/// Where the names of UNETR's transformer begin, which pre-training gives.
pub const ENCODER: &str = "vit.";

/// Where the names of the last layer of a segmentation network begin.
pub const HEAD: &str = "out.";

/// A network whose parameters have names in files.
pub trait Named: Module {
    /// The name in files of the parameter at a path of field names.
    fn parameter_name(path: &str) -> String {
        path.to_owned()
    }
}

impl Named for VisionTransformer {}

impl Named for ViTAutoEncoder {
    /// The original keeps the transformer's parameters at the root.
    fn parameter_name(path: &str) -> String {
        path.strip_prefix(ENCODER).unwrap_or(path).to_owned()
    }
}

impl Named for Unetr {
    /// The original numbers its encoders and decoders by level and wraps every convolution in a layer.
    fn parameter_name(path: &str) -> String {
        if path.starts_with(ENCODER) {
            return path.to_owned();
        }
        let mut parts: Vec<String> = path.split('.').map(str::to_owned).collect();
        match parts.first().map(String::as_str) {
            Some("encoder1") => parts.insert(1, "layer".to_owned()),
            Some("out") => parts.insert(1, "conv".to_owned()),
            Some(list @ ("encoders" | "decoders")) => {
                let level = parts.get(1).and_then(|n| n.parse().ok()).unwrap_or(0usize) + 2;
                let name = format!("{}{level}", list.trim_end_matches('s'));
                parts.splice(..2, [name]);
            }
            _ => {}
        }
        if parts.get(1).is_some_and(|part| part == "blocks") {
            match parts.get(3).map(String::as_str) {
                Some("transp_conv") => parts[3] = "0".to_owned(),
                Some("conv_block") => parts[3] = "1".to_owned(),
                _ => {}
            }
        }
        parts.insert(parts.len() - 1, "conv".to_owned());
        parts.join(".")
    }
}

impl Named for Unet {
    /// Its stages of the way down are its own; the rest is named as in [`Unetr`].
    fn parameter_name(path: &str) -> String {
        match path.starts_with("downs.") {
            true => path.to_owned(),
            false => Unetr::parameter_name(path),
        }
    }
}

impl Named for Restorer {
    /// The names of the network it is.
    fn parameter_name(path: &str) -> String {
        match path.split_once('.') {
            Some(("Linear", path)) => ViTAutoEncoder::parameter_name(path),
            Some(("Unetr", path)) => Unetr::parameter_name(path),
            _ => path.to_owned(),
        }
    }
}

impl Named for Segmenter {
    /// The names of the network it is.
    fn parameter_name(path: &str) -> String {
        match path.split_once('.') {
            Some(("Unetr", path)) => Unetr::parameter_name(path),
            Some(("Unet", path)) => Unet::parameter_name(path),
            _ => path.to_owned(),
        }
    }
}
