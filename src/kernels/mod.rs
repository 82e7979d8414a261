//! Operations burn 0.22 lacks or does not do exactly, with gradients of their own.
//!
//! Each is one public function that means the same on every backend.

mod bias;
mod gelu;
#[allow(
    dead_code,
    unused_imports,
    reason = "the operations over them come next"
)]
pub(crate) mod gpu;
mod host;
mod math;
mod reduce;
mod softmax;

pub use bias::add_bias;
pub use gelu::{GeluBackend, gelu};
pub use host::is_cpu;
pub use reduce::{mean_all, sum_all};
pub use softmax::{SoftmaxBackend, softmax};
