//! Losses as functions of network outputs.

mod contrastive;
mod pretrain;
mod segmentation;

pub use contrastive::contrastive;
pub use pretrain::{PretrainLoss, pretrain_loss};
pub use segmentation::{SegmentationLoss, segmentation_loss};
