//! Half precision where it is fast and safe (Micikevicius et al., Mixed Precision Training, 2018).

use burn::Tensor;
use burn::tensor::{DType, FloatDType};
use serde::{Deserialize, Serialize};

/// The type of what matrix products and convolutions read and keep. Sums, norms, softmax, residual sums of the
/// transformer, losses and the weights themselves are f32 in either case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// Single precision throughout.
    #[default]
    F32,
    /// Half precision, for devices that have it.
    F16,
}

impl Precision {
    /// An activation as products read it.
    pub fn cast<const D: usize>(self, x: Tensor<D>) -> Tensor<D> {
        match self {
            Precision::F32 => x,
            Precision::F16 => x.cast(FloatDType::F16),
        }
    }
}

/// A weight in the type of the activations it meets.
pub(super) fn like<const D: usize, const E: usize>(weight: Tensor<D>, x: &Tensor<E>) -> Tensor<D> {
    match x.dtype() {
        DType::F16 => weight.cast(FloatDType::F16),
        _ => weight,
    }
}

/// Back to f32; no operation where it is that already.
pub(crate) fn single<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    match x.dtype() {
        DType::F32 => x,
        _ => x.cast(FloatDType::F32),
    }
}
