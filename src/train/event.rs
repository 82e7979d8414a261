//! What a run tells those who watch it, and how they stop it.

use crate::train::{TrainError, Validation};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Losses of one step, read back from the device.
#[derive(Debug, Clone, PartialEq)]
pub struct StepLosses {
    /// Steps done, this one included.
    pub step: u64,
    /// Epoch of the step, from 0.
    pub epoch: u64,
    /// Losses by name, the one that is minimised first.
    pub losses: Vec<(&'static str, f32)>,
    /// L2 norm of all gradients before clipping.
    pub gradient_norm: f32,
    /// Learning rate of the step.
    pub learning_rate: f64,
    /// Whether the step was skipped because its gradients were not finite.
    pub skipped: bool,
}

/// Something that happened in a run.
#[derive(Debug)]
pub enum Event<'a> {
    /// The run begins or goes on.
    Started {
        /// Steps done before, 0 for a new run.
        step: u64,
        /// Steps of the whole run.
        total_steps: u64,
        /// Steps of one epoch.
        steps_per_epoch: u64,
        /// Validations to come.
        validations: u64,
        /// Trainable numbers.
        parameters: usize,
    },
    /// Losses were read back; one entry for each step since the last reading.
    Steps {
        /// In order.
        losses: &'a [StepLosses],
        /// Crops trained on a second, since the last reading.
        crops_per_second: f64,
    },
    /// A validation begins, which may take longer than many steps.
    Validating {
        /// Steps done.
        step: u64,
        /// Volumes it goes through.
        volumes: usize,
    },
    /// A part of a validation is done.
    PartlyValidated {
        /// Steps done.
        step: u64,
        /// Volumes it goes through.
        volumes: usize,
        /// The share of it that is done, from 0 to 1.
        share: f64,
    },
    /// A validation ended.
    Validated {
        /// Steps done.
        step: u64,
        /// Epoch, from 0.
        epoch: u64,
        /// What it found.
        found: &'a Validation,
        /// Whether it is the best so far.
        best: bool,
    },
    /// A checkpoint was written.
    Saved {
        /// Steps done.
        step: u64,
    },
    /// The run ended: all steps done, or stopped on request.
    Ended {
        /// Steps done.
        step: u64,
        /// Whether all steps are done.
        complete: bool,
    },
}

/// Something that watches a run: a progress bar, the run's folder, a page.
pub trait Observer {
    /// Called in order, between steps.
    ///
    /// # Errors
    /// An error ends the run, with the last checkpoint intact.
    fn event(&mut self, event: &Event<'_>) -> Result<(), TrainError>;
}

/// A switch to stop a run after the present step. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Control(Arc<AtomicBool>);

impl Control {
    /// Asks the run to save and end.
    pub fn stop(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether it was asked to.
    pub fn stopped(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// The same for work that asks between its parts whether to go on.
    pub fn flow(&self) -> ControlFlow<()> {
        match self.stopped() {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    }
}
