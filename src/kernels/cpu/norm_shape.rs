//! Sizes of an instance norm and the chunks that its sums are taken over.

/// Numbers of one chunk: they stay in the second-level cache.
pub(super) const CHUNK: usize = 1 << 14;

/// Sizes of the tensors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::kernels) struct NormShape {
    /// Samples.
    pub(in crate::kernels) batch: usize,
    /// Positions of one sample.
    pub(in crate::kernels) positions: usize,
    /// Channels.
    pub(in crate::kernels) channels: usize,
}

impl NormShape {
    /// Positions of one chunk.
    pub(super) fn chunk(&self) -> usize {
        (CHUNK / self.channels.max(1)).clamp(16, 1024)
    }

    /// Chunks of one sample.
    pub(super) fn chunks(&self) -> usize {
        self.positions.div_ceil(self.chunk())
    }

    /// The numbers of one sample.
    pub(super) fn sample<'a>(&self, x: &'a [f32], sample: usize) -> &'a [f32] {
        let length = self.positions * self.channels;
        &x[sample * length..][..length]
    }

    /// Mean and reciprocal deviation of a sample by channel, of `[batch, 2, channels]`.
    pub(super) fn stats<'a>(&self, stats: &'a [f32], sample: usize) -> [&'a [f32]; 2] {
        let stats = &stats[2 * sample * self.channels..][..2 * self.channels];
        let (mean, scale) = stats.split_at(self.channels);
        [mean, scale]
    }

    /// The part of `x` that a chunk of a sample covers.
    pub(super) fn part<'a>(&self, x: &'a [f32], sample: usize, chunk: usize) -> &'a [f32] {
        let length = self.chunk() * self.channels;
        let x = self.sample(x, sample);
        &x[chunk * length..x.len().min((chunk + 1) * length)]
    }
}
