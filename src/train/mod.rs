//! Training: one asynchronous loop for the terminal, the page and the tests. It emits events and never blocks on
//! the device.

mod checkpoint;
mod error;
mod event;
mod pretrain;
mod saving;
mod state;
mod step;
mod validate;

pub use checkpoint::{Checkpoint, Manifest, Progress, StoredTensor};
pub use error::TrainError;
pub use event::{Control, Event, Observer, StepLosses};
pub use pretrain::{PretrainRun, Summary, pretrain};
pub use state::TrainState;
pub use step::{StepOutput, forward_backward, upload};
pub use validate::{Picture, picture, validate};
