//! Random patches and corrupted views for pre-training, and random patches with their labels for
//! fine-tuning (specification 3.1 to 3.5, 4 and 14).
//!
//! Two generators drive the same code. Training uses [keyed random numbers](crate::random): every
//! transform of every sample has a generator of its own. [`ExactChain`] and [`ExactLabelledChain`]
//! replay the reference implementation bit for bit on [`Mt19937`](crate::random::Mt19937); they
//! exist to show that the transforms are the reference's.
//!
//! Patches are `[p0, p1, p2]` in C order and always copies: no sample shares memory with another.

mod affine;
mod candidates;
mod corrupt;
mod corruption;
mod error;
mod exact;
mod exact_labelled;
mod fill;
mod holes;
mod labelled;
mod patch;
mod rigid;
mod settings;
mod views;

pub use candidates::{Candidates, CropSettings, patch_around};
pub use corrupt::{CorruptionStep, Operation};
pub use corruption::{CorruptionSpec, DropoutSpec, ShuffleSpec};
pub use error::AugmentError;
pub use exact::{ExactBatch, ExactChain};
pub use exact_labelled::{ExactLabelled, ExactLabelledChain};
pub use labelled::write_labelled;
pub use patch::copy_patch;
pub use rigid::{flip, rotate90};
pub use settings::AugmentSettings;
pub use views::{Views, views, write_views};
