//! Training: one asynchronous loop for every stage, for the terminal, the page and the tests. It emits events and
//! never blocks on the device.

mod calendar;
mod checkpoint;
mod checksum;
mod class_prior;
mod error;
mod event;
mod finetune_step;
mod finetuning;
pub mod layout;
mod pace;
mod parts;
mod picture;
mod pretrain_step;
mod pretraining;
mod readings;
mod replicas;
mod run;
mod saving;
mod scale;
mod segmentation_validation;
mod skips;
mod spread;
mod state;
mod task;

pub use checkpoint::{Checkpoint, Manifest, Progress, TensorHash};
pub use error::TrainError;
pub use event::{Control, Event, Observer, StepLosses};
pub use finetune_step::finetune_step;
pub use finetuning::Finetuning;
pub use pace::{Estimate, Stopwatch};
pub use parts::upload;
pub use picture::Picture;
pub use pretrain_step::pretrain_step;
pub use pretraining::Pretraining;
pub use replicas::{Replica, Replicas, Reply};
pub use run::{Outcome, Run, train};
pub use scale::LossScale;
pub use state::{HostState, TrainState};
pub use task::{BatchMaker, GoOn, StepOutput, Task, Validation};
