//! Operations burn 0.22 lacks or does not do exactly, with gradients of their own.
//!
//! Each is one public function that means the same on every backend. So is reading results back.

mod attention;
mod behind;
mod bias;
mod class_sums;
mod conv3d;
mod cpu;
mod flex;
mod gelu;
mod gelu_product;
pub(crate) mod gpu;
mod host;
mod instance_norm;
mod lasting;
mod layer_norm;
mod math;
mod matmul;
mod readback;
mod reduce;
mod residual_unit;
mod softmax;
mod update;

pub(crate) use attention::MOST_SCORES;
pub use attention::attention;
pub(crate) use behind::behind;
pub use bias::{BiasBackend, add_bias};
pub use class_sums::{ClassSums, ClassSumsBackend, class_sums};
pub use conv3d::{Conv3dBackend, conv3d, conv3d_pair};
pub use gelu::{GeluBackend, gelu};
pub(crate) use gelu_product::gelu_product;
pub use gpu::AdamStep;
pub use host::is_cpu;
pub(crate) use host::vectorised;
pub use instance_norm::{InstanceNormBackend, instance_norm};
pub use lasting::give_back;
pub(crate) use lasting::{lasting, lasting_copy, lasting_zeros};
pub use layer_norm::{LayerNormBackend, layer_norm};
pub use matmul::{MatmulBackend, matmul, matmul_transposed};
pub(crate) use readback::values_of;
pub use readback::{DeviceLost, read_back, read_back_all};
pub use reduce::{mean_all, sum_all};
pub(crate) use residual_unit::{ResidualWeights, residual_unit};
pub use softmax::{SoftmaxBackend, softmax};
pub use update::UpdateBackend;
pub(crate) use update::{adam, square_sums};

/// What layer and instance norm add to the variance, as PyTorch does.
pub(crate) const NORM_EPSILON: f64 = 1e-5;
