//! Operations burn 0.22 lacks or does not do exactly, with hand-written gradients.
//!
//! Each is one public function that means the same on every backend.

mod gelu;
mod reduce;

pub use gelu::{GeluBackend, gelu};
pub use reduce::{mean_all, sum_all};
