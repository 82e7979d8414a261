//! Prediction: the windows a volume is cut into, their logits put together, labels on the input's own grid.

mod air;
mod components;
mod error;
mod predict;
mod probabilities;
mod settings;
mod slab;
mod sliding;
mod window_memory;
mod window_network;
mod windows;

pub use components::{Connectivity, Removed, keep_largest_components};
pub use error::InferError;
pub use predict::{segment, segment_input};
pub use probabilities::Probabilities;
pub use settings::{Blending, DEFAULT_OVERLAP, ORIGINAL_OVERLAP, SlidingWindow};
pub use window_memory::{check_window, window_bytes};
pub use window_network::{DeviceNetwork, WindowNetwork};
pub use windows::{WindowError, WindowPlan};
