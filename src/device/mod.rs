//! Choosing the device that computes, and trusting it.

mod choice;
mod error;
mod memory;
#[cfg(not(target_family = "wasm"))]
mod native;
mod self_test;
mod suite;
#[cfg(target_family = "wasm")]
mod wasm;

pub use crate::kernels::{give_back, is_cpu};
pub use choice::{Api, DeviceChoice};
pub use error::{DeviceError, PassedOver};
pub use memory::{MemoryEstimate, estimate_finetuning, estimate_pretraining};
#[cfg(not(target_family = "wasm"))]
pub use native::{Adapter, AdapterKind, adapters, select, select_telling};
pub use self_test::CheckResult;
pub use suite::{Extent, HALF_TOLERANCE, SUITE_TOLERANCE, SuiteResult, half_suite, kernel_suite};
#[cfg(target_family = "wasm")]
pub use wasm::select;

use crate::nn::Precision;
use burn::tensor::{DType, Device};

/// Kernels a submission on the page and on a GPU that is part of a processor. Windows resets a GPU that works at one for 2 s,
/// and by what kernels of a training step cost, 64 may take such a one that long; so this is far below, and not tuned.
const BATCH: usize = 16;

/// A device with the words to call it by.
#[derive(Debug, Clone)]
pub struct Selected {
    /// Where tensors live.
    pub device: Device,
    /// For people: adapter, interface and driver, or the CPU and its threads.
    pub description: String,
    /// A GPU; a processor that plays one is none.
    pub is_gpu: bool,
    /// What the self-test found, where choosing the device ran it.
    pub checks: Option<Vec<CheckResult>>,
}

impl Selected {
    /// A few operations with known answers, and how far each is off: run now, unless choosing the device ran them.
    ///
    /// # Errors
    /// [`DeviceError::SelfTest`] names the first that fails.
    pub async fn self_test(&self) -> Result<Vec<CheckResult>, DeviceError> {
        match &self.checks {
            Some(checks) => Ok(checks.clone()),
            None => self_test::self_test(&self.device).await,
        }
    }
}

/// Whether the device computes in this precision.
///
/// # Errors
/// [`DeviceError::NoHalf`] where half precision is asked for and not there; the CPU backend would only convert.
pub fn check_precision(selected: &Selected, precision: Precision) -> Result<(), DeviceError> {
    let device = &selected.device;
    if precision == Precision::F16 && (is_cpu(device) || !device.supports_dtype(DType::F16)) {
        return Err(DeviceError::NoHalf(selected.description.clone()));
    }
    Ok(())
}
