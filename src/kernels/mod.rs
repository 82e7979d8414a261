//! Operations burn 0.22 lacks or does not do exactly, with gradients of their own.
//!
//! Each is one public function that means the same on every backend.

mod attention;
mod bias;
mod class_sums;
mod conv3d;
mod cpu;
mod flex;
mod gelu;
mod gpu;
mod host;
mod instance_norm;
mod math;
mod reduce;
mod softmax;

pub use attention::attention;
pub use bias::add_bias;
pub use class_sums::{ClassSums, ClassSumsBackend, class_sums};
pub use conv3d::{Conv3dBackend, conv3d, conv3d_pair};
pub use gelu::{GeluBackend, gelu};
pub use host::is_cpu;
pub use instance_norm::{InstanceNormBackend, instance_norm};
pub use reduce::{mean_all, sum_all};
pub use softmax::{SoftmaxBackend, softmax};
