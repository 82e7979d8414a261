//! What can be wrong with settings.

use crate::augment::AugmentError;
use crate::nn::ConfigError;

/// Settings that cannot work.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The network's sizes.
    #[error(transparent)]
    Network(#[from] ConfigError),
    /// The corruption of the views, or how crops are varied.
    #[error(transparent)]
    Augment(#[from] AugmentError),
    /// Must be above zero.
    #[error("{name} is {value}: it must be above 0")]
    NotPositive {
        /// The setting.
        name: &'static str,
        /// Its value.
        value: f64,
    },
    /// Must not be below zero.
    #[error("{name} is {value}: it must be 0 or more")]
    Negative {
        /// The setting.
        name: &'static str,
        /// Its value.
        value: f64,
    },
    /// Must be a number of the type that the network is computed in.
    #[error(
        "{name} is {value:e}: the network is computed in f32, so it must be between 1e-45 and 3e38"
    )]
    BeyondF32 {
        /// The setting.
        name: &'static str,
        /// Its value.
        value: f64,
    },
    /// Must not be so large.
    #[error("{name} is {value}: it must be {most} or less")]
    TooLarge {
        /// The setting.
        name: &'static str,
        /// Its value.
        value: usize,
        /// Its largest value.
        most: usize,
    },
    /// Must not be so small.
    #[error("{name} is {value}: it must be {least} or more")]
    TooSmall {
        /// The setting.
        name: &'static str,
        /// Its value.
        value: f64,
        /// Its smallest value.
        least: f64,
    },
    /// Must be a share.
    #[error("{name} is {value}: it must be at least 0 and below 1")]
    Share {
        /// The setting.
        name: &'static str,
        /// Its value.
        value: f64,
    },
    /// An empty intensity window.
    #[error(
        "the intensity window from {low} to {high} is empty: intensity_min must be below intensity_max"
    )]
    Window {
        /// Lower end.
        low: f32,
        /// Upper end.
        high: f32,
    },
    /// Pre-trained weights for a network without a transformer.
    #[error(
        "start.pretrained is given, but a unet has no transformer to start from it: leave it out, or take the architecture unetr"
    )]
    UnetPretrained,
    /// Random validation where there is nothing random to validate on.
    #[error(
        "validation is random, but fine-tuning validates on whole volumes, the same every time: leave it out"
    )]
    RandomValidation,
    /// Mirrored windows for a network that has never seen a mirrored crop.
    #[error(
        "mirroring is asked for, but the network was trained without flips (augment.flip_probability 0): it does not know mirrored anatomy, such as a left organ on the right; leave mirroring out"
    )]
    MirrorWithoutFlips,
    /// A setting of fine-tuning in pre-training.
    #[error("{0} is given, but pre-training has one learning rate: it belongs to fine-tuning")]
    FinetuningOnly(&'static str),
    /// Neither epochs nor steps.
    #[error("nothing ends the run: give epochs or max_steps")]
    NoEnd,
    /// No preset of that name.
    #[error("unknown preset '{0}': there are quickstart, small and tutorial")]
    UnknownPreset(String),
    /// Not TOML, or not these settings.
    #[error("{place}: {reason}")]
    Toml {
        /// File or preset.
        place: String,
        /// The parser's words.
        reason: String,
    },
}
