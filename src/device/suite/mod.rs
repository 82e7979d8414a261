//! Every operation of ours that has a gradient against a plain double-precision reference, forward and backward: for
//! the tests of every backend, natively and in the browser.
//!
//! Errors that show only at real sizes are known (burn 0.22's weight gradient is right at 16^3 and wrong at 32^3), so
//! the full suite goes up to UNETR's own shapes. Large results are compared at sampled places.

mod attention;
mod blocks;
mod class_sums;
mod convolution;
mod dense;
mod gelu;
mod norm;
mod probe;
mod residual_unit;
mod rows;

use crate::device::DeviceError;
use crate::nn::Precision;
use burn::tensor::Device;
use serde::Serialize;

/// Largest error allowed in f32, relative to the root mean square of the reference.
pub const SUITE_TOLERANCE: f64 = 1e-5;
/// Largest error allowed in f16: eight roundings, as many as the longest chain has (the gradient of attention's
/// queries), each off by as much as it can be, 2^-11, and all to the same side. Sums are in f32 and add next to nothing. A residual unit
/// is compared with its parts, which round as it does but for its shortcut.
pub const HALF_TOLERANCE: f64 = 8.0 / 2048.0;

/// How far the suite goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// Small and middle sizes: seconds on a slow adapter.
    Reduced,
    /// Up to the shapes of the tutorial's UNETR.
    Full,
}

impl Extent {
    /// The cases that a check goes through.
    fn cases<T, const N: usize, const M: usize>(
        self,
        reduced: [T; N],
        full: [T; M],
    ) -> impl Iterator<Item = T> {
        let full = (self == Extent::Full).then_some(full);
        reduced.into_iter().chain(full.into_iter().flatten())
    }
}

/// One comparison.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SuiteResult {
    /// Operation, shape and quantity.
    pub name: String,
    /// Error relative to the root mean square of the reference.
    pub error: f64,
    /// The largest error allowed.
    pub tolerance: f64,
}

impl SuiteResult {
    /// Whether the error is within the tolerance.
    pub fn holds(&self) -> bool {
        self.error <= self.tolerance
    }
}

/// Runs every comparison on a device.
///
/// # Errors
/// [`DeviceError::SelfTest`] if the device fails while it computes. A large error is a result, not an error here:
/// see [`SUITE_TOLERANCE`].
pub async fn kernel_suite(
    device: &Device,
    extent: Extent,
) -> Result<Vec<SuiteResult>, DeviceError> {
    let device = device.clone().inner().autodiff();
    let mut results = Vec::new();
    in_both_precisions(&device, extent, Precision::F32, &mut results).await?;
    gelu::check_alone(&device, &mut results).await?;
    blocks::check(&device, &mut results).await?;
    rows::check(&device, extent, &mut results).await?;
    class_sums::check(&device, extent, &mut results).await?;
    Ok(results)
}

/// The same in f16, of the operations that [`Precision::F16`] has in it, on a device that offers it
/// ([`check_precision`](crate::device::check_precision)).
///
/// # Errors
/// As [`kernel_suite`]; see [`HALF_TOLERANCE`].
pub async fn half_suite(device: &Device, extent: Extent) -> Result<Vec<SuiteResult>, DeviceError> {
    let device = device.clone().inner().autodiff();
    let mut results = Vec::new();
    in_both_precisions(&device, extent, Precision::F16, &mut results).await?;
    for result in &mut results {
        result.name.push_str(", f16");
        result.tolerance = HALF_TOLERANCE;
    }
    Ok(results)
}

async fn in_both_precisions(
    device: &Device,
    extent: Extent,
    precision: Precision,
    results: &mut Vec<SuiteResult>,
) -> Result<(), DeviceError> {
    convolution::check(device, extent, precision, results).await?;
    norm::check(device, extent, precision, results).await?;
    residual_unit::check(device, extent, precision, results).await?;
    dense::check(device, extent, precision, results).await?;
    gelu::check(device, extent, precision, results).await?;
    attention::check(device, extent, precision, results).await
}
