//! How the convolution is cut into workgroups and threads.

use crate::kernels::gpu::launch::Machine;

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

    /// Shared memory of a workgroup that reads `lanes` input channels at a time.
    #[cfg(feature = "cli")]
    pub(super) fn shared_bytes(&self, lanes: usize) -> usize {
        let halo = self.kernel - 1;
        let inputs = (self.width() + halo) * (self.height() + halo) * (self.units_z + halo);
        let weights = self.kernel * self.kernel * self.channels();
        if self.staged {
            4 * lanes * (inputs + weights)
        } else {
            0
        }
    }

    /// Output channels of a workgroup.
    pub(super) fn channels(&self) -> usize {
        self.units_o * self.outs
    }
}

/// Threads that lavapipe runs in step.
const LANES: usize = 8;
/// Positions of a processor's thread along the width, preferred first.
const COLUMNS: [usize; 6] = [8, 12, 6, 4, 2, 1];
/// Widths of a GPU's workgroups, preferred first.
const WIDTHS: [usize; 4] = [16, 12, 8, 4];
/// Workgroups that keep a GPU busy.
const BUSY: usize = 256;

impl Tiling {
    /// The tiling for a volume `[depth, height, width]`, making `outputs` channels.
    pub(super) fn of(machine: Machine, kernel: usize, volume: [usize; 3], outputs: usize) -> Self {
        match machine {
            Machine::Gpu => Self::gpu(kernel, volume, outputs),
            Machine::Processor => Self::processor(kernel, volume, outputs),
            Machine::NarrowProcessor => Self::narrow_processor(kernel, volume, outputs),
        }
    }

    /// Large blocks in the first cache.
    ///
    /// Reads are dear where each of eight threads in step reads by itself: a block of 4 x 8 positions times 8 channels
    /// reads 60 inputs and 72 weights for 2304 multiplications.
    fn processor(kernel: usize, [_, height, width]: [usize; 3], outputs: usize) -> Self {
        let columns = COLUMNS
            .into_iter()
            .min_by_key(|columns| width.next_multiple_of(*columns))
            .unwrap_or(1);
        let outs = outputs.min(8).next_multiple_of(4);
        Self::unstaged(kernel, [height.min(4), columns, outs], outputs)
    }

    /// Blocks that a slow compiler can unroll.
    fn narrow_processor(kernel: usize, [_, height, width]: [usize; 3], outputs: usize) -> Self {
        Self::unstaged(kernel, [height.min(2), width.min(4), 4], outputs)
    }

    /// Threads with blocks of `[rows, columns, outs]` that read global memory themselves.
    fn unstaged(kernel: usize, [rows, columns, outs]: [usize; 3], outputs: usize) -> Self {
        let units_o = outputs.div_ceil(outs).next_power_of_two().min(LANES);
        Self {
            kernel,
            rows,
            columns,
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
    ///
    /// Threads that run in step lie along the width, so that their reads of shared memory do not collide, and share
    /// their weights. A block of 4 rows times 8 channels costs 6 reads of four inputs and 24 of four weights for 384
    /// multiplications, and about 100 registers.
    fn gpu(kernel: usize, [depth, height, width]: [usize; 3], outputs: usize) -> Self {
        let units_x = WIDTHS
            .into_iter()
            .min_by_key(|block| width.next_multiple_of(*block))
            .unwrap_or(1);
        let wide = Self {
            kernel,
            rows: 4,
            columns: 1,
            outs: if outputs >= 32 { 8 } else { 4 },
            units_x,
            units_y: if units_x > 8 { 1 } else { 16 / units_x },
            units_z: 4,
            units_o: outputs.div_ceil(4).min(4),
            staged: true,
            accumulate: false,
        };
        let blocks = |t: &Self| {
            depth.div_ceil(t.units_z)
                * height.div_ceil(t.height())
                * width.div_ceil(t.width())
                * outputs.div_ceil(t.channels())
        };
        // Small volumes make few workgroups: smaller ones keep more of the GPU busy.
        let narrow = Self { outs: 4, ..wide };
        let flat = Self {
            units_z: 2,
            ..narrow
        };
        [wide, narrow, flat]
            .into_iter()
            .find(|tiling| blocks(tiling) >= BUSY)
            .unwrap_or(flat)
    }
}
