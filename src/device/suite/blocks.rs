//! The kernels that only real GPUs use, run where no real GPU is: a browser's compiler refuses what others let pass.

use crate::device::DeviceError;
use crate::device::suite::SuiteResult;
use crate::device::suite::probe::{compare, noise, places};
use crate::kernels::gpu::{Cut, Machine, conv3d_cut_for, matmul_cut, weight_gradient_cut_for};
use crate::kernels::values_of;
use burn::backend::DispatchDevice;
use burn::backend::ops::FloatTensorOps;
use burn::tensor::{Device, TensorData};
use burn_cubecl::tensor::CubeTensor;
use burn_cubecl::{CubeBackend, CubeDevice};

pub(super) async fn check(
    device: &Device,
    results: &mut Vec<SuiteResult>,
) -> Result<(), DeviceError> {
    let device = device.clone().inner();
    let DispatchDevice::Cube(device) = device.as_dispatch() else {
        return Ok(());
    };
    convolution(device, &[8], results).await?;
    convolution(device, &[4, 6], results).await?;
    weight_gradient(device, results).await?;
    // Rows that vectors divide, and rows that none does.
    for (transposed, m, rows, chunks) in [
        ([false, false], 70, 4, 3),
        ([false, true], 70, 8, 1),
        ([true, false], 70, 8, 2),
        ([true, false], 72, 4, 2),
    ] {
        product(device, transposed, m, Cut { rows, chunks }, results).await?;
    }
    Ok(())
}

fn upload(values: &[f32], shape: &[usize], device: &CubeDevice) -> CubeTensor {
    CubeBackend::float_from_data(TensorData::new(values.to_vec(), shape.to_vec()), device)
}

async fn read(check: &'static str, tensor: CubeTensor) -> Result<Vec<f32>, DeviceError> {
    let values = values_of(CubeBackend::float_into_data(tensor)).await;
    values.map_err(DeviceError::lost(check))
}

/// Voxels of the convolutions' inputs: not a multiple of a tile along any axis.
const SHAPE: [usize; 3] = [5, 6, 18];
const OUTPUTS: usize = 12;

/// The voxel that tap `tap` of the output at voxel `at` reads, if it lies inside.
fn neighbour(at: usize, tap: usize) -> Option<usize> {
    let [depth, height, width] = SHAPE;
    let (x, y, z) = (at % width, at / width % height, at / width / height);
    // One more than the place, so that none is below zero.
    let (x, y, z) = (x + tap % 3, y + tap / 3 % 3, z + tap / 9);
    let inside = |at: usize, extent: usize| (1..=extent).contains(&at);
    let all = inside(x, width) && inside(y, height) && inside(z, depth);
    all.then(|| ((z - 1) * height + y - 1) * width + x - 1)
}

/// The convolution of inputs with so many channels each, as one.
async fn convolution(
    device: &CubeDevice,
    channels: &[usize],
    results: &mut Vec<SuiteResult>,
) -> Result<(), DeviceError> {
    let name = "a GPU's convolution";
    let [depth, height, width] = SHAPE;
    let voxels = depth * height * width;
    let inputs: usize = channels.iter().sum();
    let x: Vec<Vec<f32>> = (3..)
        .zip(channels)
        .map(|(seed, channels)| noise(seed, voxels * channels))
        .collect();
    let w = noise(2, OUTPUTS * inputs * 27);
    let uploaded: Vec<CubeTensor> = x
        .iter()
        .zip(channels)
        .map(|(x, channels)| upload(x, &[1, depth, height, width, *channels], device))
        .collect();
    let weight = upload(&w, &[OUTPUTS, inputs, 3, 3, 3], device);
    let found = read(name, conv3d_cut_for(Machine::Gpu, &uploaded, weight)).await?;
    let reference = |i: usize| {
        let (out, at) = (i % OUTPUTS, i / OUTPUTS);
        let mut sum = 0.0;
        for tap in 0..27 {
            let Some(from) = neighbour(at, tap) else {
                continue;
            };
            let values = x.iter().zip(channels);
            let values =
                values.flat_map(|(x, channels)| &x[from * channels..(from + 1) * channels]);
            for (input, value) in values.enumerate() {
                let weight = w[(out * inputs + input) * 27 + tap];
                sum += f64::from(*value) * f64::from(weight);
            }
        }
        sum
    };
    let title = format!("{name}, {channels:?} channels");
    compare(title, &found, &places(found.len()), reference, results);
    Ok(())
}

async fn weight_gradient(
    device: &CubeDevice,
    results: &mut Vec<SuiteResult>,
) -> Result<(), DeviceError> {
    let name = "a GPU's weight gradient";
    let ([depth, height, width], inputs) = (SHAPE, 8);
    let voxels = depth * height * width;
    let (x, grad) = (noise(1, voxels * inputs), noise(2, voxels * OUTPUTS));
    let found = weight_gradient_cut_for(
        Machine::Gpu,
        upload(&x, &[1, depth, height, width, inputs], device),
        upload(&grad, &[1, depth, height, width, OUTPUTS], device),
        3,
    );
    let found = read(name, found).await?;
    let reference = |i: usize| {
        let (tap, input, out) = (i % 27, i / 27 % inputs, i / 27 / inputs);
        (0..voxels)
            .filter_map(|at| {
                let from = neighbour(at, tap)?;
                let value = f64::from(x[from * inputs + input]);
                Some(value * f64::from(grad[at * OUTPUTS + out]))
            })
            .sum()
    };
    let name = name.to_owned();
    compare(name, &found, &places(found.len()), reference, results);
    Ok(())
}

async fn product(
    device: &CubeDevice,
    [a_transposed, b_transposed]: [bool; 2],
    m: usize,
    cut: Cut,
    results: &mut Vec<SuiteResult>,
) -> Result<(), DeviceError> {
    let name = "a GPU's matrix product";
    let (batch, n, k) = (2, 36, 600);
    let (a, b) = (noise(1, batch * m * k), noise(2, batch * k * n));
    let shape = |rows, columns, transposed| match transposed {
        true => [batch, columns, rows],
        false => [batch, rows, columns],
    };
    let y = matmul_cut(
        upload(&a, &shape(m, k, a_transposed), device),
        upload(&b, &shape(k, n, b_transposed), device),
        [a_transposed, b_transposed],
        cut,
    );
    let found = read(name, y).await?;
    let reference = |i: usize| {
        let (column, row, matrix) = (i % n, i / n % m, i / n / m);
        let (a, b) = (&a[matrix * m * k..], &b[matrix * k * n..]);
        let term = |i: usize| {
            let x = if a_transposed {
                a[i * m + row]
            } else {
                a[row * k + i]
            };
            let y = if b_transposed {
                b[column * k + i]
            } else {
                b[i * n + column]
            };
            f64::from(x) * f64::from(y)
        };
        (0..k).map(term).sum()
    };
    let title = format!("{name}, {m} rows, transposed {a_transposed} and {b_transposed}");
    compare(title, &found, &places(found.len()), reference, results);
    Ok(())
}
