//! NT-Xent: the normalised, temperature-scaled cross-entropy between two views (Chen et al., 2020).

use crate::kernels::matmul_transposed;
use burn::Tensor;
use burn::tensor::{Device, TensorData};

/// Smallest squared norm: PyTorch's cosine similarity divides by at least 1e-8.
const MIN_SQUARE: f64 = 1e-16;

/// Stands for minus infinity, which shaders may not name.
const EXCLUDED: f64 = -1e9;

/// Contrastive loss of specification 6.1, `[1]`.
///
/// `views` is `[2 n, d, h, w, 1]`: n samples of the first view, then the same samples of the second. Each row is
/// compared with all others by cosine similarity over `temperature`; the other view of the same sample is the
/// positive, and the row itself is left out.
///
/// Written as one Gram matrix and a log-sum-exp: no tensor larger than the input while a plane of a crop has as many
/// voxels as there are rows, and finite at any temperature from 1e-6 (the original overflows below 0.0113).
pub fn contrastive(views: Tensor<5>, temperature: f64) -> Tensor<1> {
    let rows = views.dims()[0];
    let device = views.device();
    let [own, positive] = pairings(rows, &device);

    let gram = gram(views); // [2n, 2n]
    let squares = (gram.clone() * own.clone()).sum_dim(1);
    let norms = squares.clamp_min(MIN_SQUARE).sqrt(); // [2n, 1]
    let similarity = gram / norms.clone().matmul(norms.transpose());
    let logits = similarity / temperature;

    let positives = (logits.clone() * positive).sum_dim(1);
    let others = logits + own * EXCLUDED;
    let largest = others.clone().detach().max_dim(1);
    let log_sum = (others - largest.clone()).exp().sum_dim(1).log() + largest;
    (log_sum - positives).mean()
}

/// Products of all pairs of rows, `[rows, rows]`; the long axis in short runs, then a sum over the runs. Each run makes
/// `rows * rows` numbers of `rows` times its length: more rows take longer ones.
fn gram(views: Tensor<5>) -> Tensor<2> {
    let [rows, depth, height, width, channels] = views.dims();
    let row = width * channels;
    let (height, run) = match rows > row {
        true => (1, height * row),
        false => (height, row),
    };
    let runs = views.reshape([rows, depth * height, run]).swap_dims(0, 1); // [depth * height, rows, run]
    matmul_transposed(runs.clone(), runs)
        .reshape([depth, height, rows * rows])
        .sum_dim(1)
        .sum_dim(0)
        .reshape([rows, rows])
}

/// The identity, and the matrix that has a one where a row meets the other view of its sample.
fn pairings(rows: usize, device: &Device) -> [Tensor<2>; 2] {
    let shifted_identity = |shift: usize| {
        let values = (0..rows * rows)
            .map(|index| f32::from((index / rows + shift) % rows == index % rows))
            .collect::<Vec<f32>>();
        Tensor::from_data(TensorData::new(values, [rows, rows]), device)
    };
    [shifted_identity(0), shifted_identity(rows / 2)]
}
