//! What the runs of an experiment differ in.

use serde::{Deserialize, Serialize};
use std::fmt;

/// A way to start fine-tuning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Arm {
    /// From random weights: what the others are compared with.
    Random,
    /// From the pre-trained encoder; all else as [`Arm::Random`].
    Pretrained,
    /// A small U-Net from random weights, with the settings of the others: what convolutions alone make of the data.
    Unet,
}

impl Arm {
    /// The name in a plan and in names of folders.
    pub fn key(self) -> &'static str {
        match self {
            Arm::Random => "random",
            Arm::Pretrained => "pretrained",
            Arm::Unet => "unet",
        }
    }
}

/// The name in tables and pictures.
impl fmt::Display for Arm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Arm::Random => "random",
            Arm::Pretrained => "pre-trained",
            Arm::Unet => "U-Net, random",
        })
    }
}
