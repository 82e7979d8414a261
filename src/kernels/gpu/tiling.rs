//! How the convolution is cut into workgroups and threads.

/// The shape of a thread's and a workgroup's work; every value compiles its own kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Tiling {
    /// Edge of the convolution kernel, 1 or 3.
    pub(super) kernel: usize,
    /// Positions of one thread along the height.
    pub(super) rows: usize,
    /// Positions of one thread along the width.
    pub(super) columns: usize,
    /// Output channels of one thread, a multiple of four.
    pub(super) outs: usize,
    /// Threads of a workgroup along width, height, depth and output channels.
    pub(super) units_x: usize,
    pub(super) units_y: usize,
    pub(super) units_z: usize,
    pub(super) units_o: usize,
    /// Whether inputs and weights go through shared memory.
    pub(super) staged: bool,
    /// Whether the result is added to what the output holds.
    pub(super) accumulate: bool,
}

impl Tiling {
    /// Threads of a workgroup.
    pub(super) fn units(&self) -> usize {
        self.units_x * self.units_y * self.units_z * self.units_o
    }

    /// Positions of a workgroup along the width.
    pub(super) fn width(&self) -> usize {
        self.units_x * self.columns
    }

    /// Positions of a workgroup along the height.
    pub(super) fn height(&self) -> usize {
        self.units_y * self.rows
    }

    /// Output channels of a workgroup.
    pub(super) fn channels(&self) -> usize {
        self.units_o * self.outs
    }
}

/// Threads that lavapipe runs in step.
const LANES: usize = 8;

impl Tiling {
    /// The tiling for a weight `[out, in, k, k, k]` over a volume, making `outputs` channels.
    pub(super) fn of(
        processor: bool,
        weight: &burn_cubecl::tensor::CubeTensor,
        volume: [usize; 3],
        outputs: usize,
    ) -> Self {
        let kernel = weight.meta.shape()[4];
        if processor {
            Self::processor(kernel, volume, outputs)
        } else {
            Self::gpu(kernel, volume, outputs)
        }
    }

    /// Large blocks in the first cache, no shared memory.
    pub(super) fn processor(kernel: usize, [_, height, width]: [usize; 3], outputs: usize) -> Self {
        let outs = outputs.min(8).next_multiple_of(4);
        let units_o = outputs.div_ceil(outs).next_power_of_two().min(LANES);
        Self {
            kernel,
            rows: height.min(4),
            columns: width.min(8),
            outs,
            units_x: 1,
            units_y: 1,
            units_z: LANES / units_o,
            units_o,
            staged: false,
            accumulate: false,
        }
    }

    /// Small blocks in registers, inputs and weights through shared memory.
    pub(super) fn gpu(kernel: usize, [_, _, _]: [usize; 3], outputs: usize) -> Self {
        let outs = if outputs >= 32 { 8 } else { 4 };
        Self {
            kernel,
            rows: 4,
            columns: 1,
            outs,
            units_x: 16,
            units_y: 1,
            units_z: 4,
            units_o: 4,
            staged: true,
            accumulate: false,
        }
    }
}
