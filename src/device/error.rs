//! Why a device cannot be used.

use crate::kernels::DeviceLost;
use serde::Serialize;

/// A device that does not exist or does not work.
#[derive(Debug, thiserror::Error)]
pub enum DeviceError {
    /// Not a device name.
    #[error(
        "unknown device '{0}': use auto, cpu, vulkan, metal, dx12 or gl, with :N for an adapter's number, or in a browser webgpu"
    )]
    UnknownName(String),
    /// No such adapter on this machine.
    #[error(
        "no {api} adapter{number} on this machine: `hounsfield doctor` lists what there is, --device cpu always works"
    )]
    NoAdapter {
        /// Interface asked for.
        api: &'static str,
        /// " number N", or nothing.
        number: String,
    },
    /// The adapter is there but gives no device.
    #[error("{adapter} cannot be used: {reason}; try another --device or update the driver")]
    Unusable {
        /// Name of the adapter.
        adapter: String,
        /// The driver's words.
        reason: String,
    },
    /// No half precision.
    #[error("precision f16: {0} does not offer it; use precision f32")]
    NoHalf(String),
    /// The device computes something else than it should.
    #[error(
        "the device failed its self-test ({check}: {detail}); use --device cpu or update the driver"
    )]
    SelfTest {
        /// Name of the check.
        check: &'static str,
        /// What was found.
        detail: String,
    },
}

/// A GPU that `auto` would have taken, and why it did not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
#[error("{name} ({device}) is passed over: {reason}")]
pub struct PassedOver {
    /// What to pass to `--device`.
    pub device: String,
    /// The adapter's name.
    pub name: String,
    /// What it failed at.
    pub reason: String,
}

impl DeviceError {
    /// A device that was lost in a check of this name.
    pub(super) fn lost(check: &'static str) -> impl FnOnce(DeviceLost) -> Self {
        move |lost| DeviceError::SelfTest {
            check,
            detail: lost.to_string(),
        }
    }
}
