//! From a trained network to a label map.

mod components;

pub use components::{Connectivity, Removed, keep_largest_components};
