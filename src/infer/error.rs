//! Why a prediction was not made.

use crate::infer::WindowError;
use crate::kernels::DeviceLost;
use crate::transform::TransformError;

/// A prediction that cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum InferError {
    /// The volume cannot be cut into windows.
    #[error(transparent)]
    Window(#[from] WindowError),
    /// The volume cannot be prepared, or labels not be brought back to it.
    #[error(transparent)]
    Transform(#[from] TransformError),
    /// The device failed.
    #[error(
        "the device failed: {0}; its memory may have run out: close other programs that use it and begin again, or compute on the CPU (--device cpu)"
    )]
    Device(#[from] DeviceLost),
    /// The network's numbers overflowed, or its weights are broken.
    #[error(
        "the network gave numbers that are not finite: its weights are broken, or their products too large for this device; check the weights, or compute on the CPU"
    )]
    NotFinite,
    /// Not enough memory for a slab of windows.
    #[error(
        "the volume is too wide for this machine's memory: crop it, or use a larger voxel size"
    )]
    Memory,
    /// A window that no program of so few bits holds, as one in a browser.
    #[error(
        "a window of {window:?} voxels takes about {:.1} GiB in this network, and this program can hold {:.1} GiB in all: use the native program on a system of 64 bits, in a browser a graphics processor (WebGPU), or a network with smaller windows",
        gib(u128::from(*need)),
        gib(*room)
    )]
    WindowTooLarge {
        /// Voxels per axis of a window.
        window: [usize; 3],
        /// Bytes that it takes, with what must be there beside it.
        need: u64,
        /// Bytes that the program can address.
        room: u128,
    },
    /// Not enough memory for the probabilities of all classes.
    #[error(
        "the probabilities of {classes} classes on {voxels} voxels do not fit into this machine's memory, at two bytes each: do without them (leave out --probabilities), crop the volume, or use a larger voxel size"
    )]
    NoRoomForProbabilities {
        /// Voxels of the network's grid.
        voxels: usize,
        /// Number of classes, the background included.
        classes: usize,
    },
    /// Stopped on request.
    #[error("stopped before the prediction was complete")]
    Stopped,
}

fn gib(bytes: u128) -> f64 {
    bytes as f64 / f64::from(1 << 30)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_that_fails_is_told_with_memory_as_a_likely_reason() {
        let text = InferError::from(DeviceLost("gone".to_owned())).to_string();
        for word in ["gone", "memory", "--device cpu"] {
            assert!(text.contains(word), "{text}");
        }
    }
}
