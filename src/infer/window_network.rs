//! Who puts windows through a network: a device of this program, or whoever else computes for it.

use crate::infer::{InferError, SlidingWindow};
use crate::kernels::read_back;
use crate::nn::Segmenter;
use burn::Tensor;
use burn::tensor::{Device, TensorData};

/// Puts windows through a network.
pub trait WindowNetwork {
    /// Classes, background included.
    fn classes(&self) -> usize;

    /// Windows that it likes to have under way together, at least one: as many are held in memory.
    fn at_once(&self) -> usize {
        1
    }

    /// Begins with a window, one value a voxel in C order, and comes to its logits `[voxels, classes]`, which count the
    /// same whoever computes them. Of `settings` the window's size and the mirroring matter.
    fn logits(
        &self,
        input: Vec<f32>,
        settings: &SlidingWindow,
    ) -> impl Future<Output = Result<Vec<f32>, InferError>>;
}

/// A network on a device of this program.
#[derive(Debug, Clone, Copy)]
pub struct DeviceNetwork<'a> {
    /// The network, outside the autodiff graph.
    pub network: &'a Segmenter,
    /// Where it lies.
    pub device: &'a Device,
}

impl WindowNetwork for DeviceNetwork<'_> {
    fn classes(&self) -> usize {
        self.network.classes()
    }

    async fn logits(
        &self,
        input: Vec<f32>,
        settings: &SlidingWindow,
    ) -> Result<Vec<f32>, InferError> {
        let [d, h, w] = settings.window;
        let input = Tensor::from_data(TensorData::new(input, [1, d, h, w, 1]), self.device);
        let logits = match settings.mirror {
            true => mirrored(self.network, input),
            false => self.network.forward(input),
        };
        Ok(read_back(logits).await?)
    }
}

/// The mean of the network's logits over all mirror images of a window, each turned back.
fn mirrored(network: &Segmenter, input: Tensor<5>) -> Tensor<5> {
    let mut sum: Option<Tensor<5>> = None;
    for mirrored in 0..8usize {
        let turn = |x: Tensor<5>| {
            (0..3usize)
                .filter(|axis| mirrored >> axis & 1 == 1)
                .fold(x, |x, axis| x.flip([axis + 1]))
        };
        let logits = turn(network.forward(turn(input.clone())));
        sum = Some(match sum {
            Some(sum) => sum + logits,
            None => logits,
        });
    }
    sum.unwrap_or(input) / 8.0
}
