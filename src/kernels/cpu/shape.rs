//! Sizes of a convolution and where its rows lie.

/// A tensor `[batch, depth, height, width, channels]` and its number of channels.
pub(in crate::kernels) type Input<'a> = (&'a [f32], usize);

/// Samples, space and kernel of a convolution of stride 1 with as much zero padding as keeps the size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::kernels) struct ConvShape {
    /// Samples.
    pub(in crate::kernels) batch: usize,
    /// Voxels along depth, height and width.
    pub(in crate::kernels) size: [usize; 3],
    /// Voxels of the kernel along each axis, an odd number.
    pub(in crate::kernels) kernel: usize,
}

impl ConvShape {
    /// Voxels of all samples.
    pub(in crate::kernels) fn positions(&self) -> usize {
        self.rows() * self.size[2]
    }

    /// Taps of the kernel.
    pub(super) fn taps(&self) -> usize {
        self.kernel * self.kernel * self.kernel
    }

    /// Rows along the width, of all samples.
    pub(super) fn rows(&self) -> usize {
        self.batch * self.size[0] * self.size[1]
    }

    /// The row that tap `(kd, kh)` of the kernel reads for output row `row`; none in the padding.
    #[inline(always)]
    pub(super) fn source_row(&self, row: usize, kd: usize, kh: usize) -> Option<usize> {
        let [depth, height, _] = self.size;
        let (h, plane) = (row % height, row / height);
        let (d, sample) = (plane % depth, plane / depth);
        let d = inside(d, kd, self.kernel, depth)?;
        let h = inside(h, kh, self.kernel, height)?;
        Some((sample * depth + d) * height + h)
    }
}

/// `at + tap - kernel / 2` when it is within the axis.
#[inline(always)]
fn inside(at: usize, tap: usize, kernel: usize, length: usize) -> Option<usize> {
    (at + tap).checked_sub(kernel / 2).filter(|at| *at < length)
}
