//! Losses as functions of network outputs.

mod contrastive;
mod pretrain;

pub use contrastive::contrastive;
pub use pretrain::{PretrainLoss, pretrain_loss};
