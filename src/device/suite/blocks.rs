//! The kernels that only real GPUs use, run where no real GPU is: a browser's compiler refuses what others let pass.

use crate::device::DeviceError;
use crate::device::suite::SuiteResult;
use crate::device::suite::probe::{compare, noise, places};
use crate::kernels::gpu::{Cut, Machine, conv3d_cut_for, matmul_cut};
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
    convolution(device, results).await?;
    for (transposed, rows, chunks) in [
        ([false, false], 4, 3),
        ([false, true], 8, 1),
        ([true, false], 8, 2),
    ] {
        product(device, transposed, Cut { rows, chunks }, results).await?;
    }
    Ok(())
}

fn upload(values: &[f32], shape: &[usize], device: &CubeDevice) -> CubeTensor {
    CubeBackend::float_from_data(TensorData::new(values.to_vec(), shape.to_vec()), device)
}

async fn read(check: &'static str, tensor: CubeTensor) -> Result<Vec<f32>, DeviceError> {
    let fail = |detail: String| DeviceError::SelfTest { check, detail };
    CubeBackend::float_into_data(tensor)
        .await
        .map_err(|e| fail(format!("{e:?}")))?
        .try_into_vec()
        .map_err(|e| fail(format!("{e:?}")))
}

async fn convolution(
    device: &CubeDevice,
    results: &mut Vec<SuiteResult>,
) -> Result<(), DeviceError> {
    let name = "a GPU's convolution";
    let ([depth, height, width], inputs, outputs) = ([5, 6, 18], 8, 12);
    let x = noise(1, depth * height * width * inputs);
    let w = noise(2, outputs * inputs * 27);
    let y = conv3d_cut_for(
        Machine::Gpu,
        &[upload(&x, &[1, depth, height, width, inputs], device)],
        upload(&w, &[outputs, inputs, 3, 3, 3], device),
    );
    let found = read(name, y).await?;
    let reference = |i: usize| {
        let (out, at) = (i % outputs, i / outputs);
        let (ox, oy, oz) = (at % width, at / width % height, at / width / height);
        let mut sum = 0.0;
        for tap in 0..27 {
            // One more than the place, so that none is below zero.
            let (x1, y1, z1) = (ox + tap % 3, oy + tap / 3 % 3, oz + tap / 9);
            let inside = |at: usize, extent: usize| (1..=extent).contains(&at);
            if inside(x1, width) && inside(y1, height) && inside(z1, depth) {
                let from = ((z1 - 1) * height + y1 - 1) * width + x1 - 1;
                for input in 0..inputs {
                    let weight = w[(out * inputs + input) * 27 + tap];
                    sum += f64::from(x[from * inputs + input]) * f64::from(weight);
                }
            }
        }
        sum
    };
    compare(
        name.to_owned(),
        &found,
        &places(found.len()),
        reference,
        results,
    );
    Ok(())
}

async fn product(
    device: &CubeDevice,
    [a_transposed, b_transposed]: [bool; 2],
    cut: Cut,
    results: &mut Vec<SuiteResult>,
) -> Result<(), DeviceError> {
    let name = "a GPU's matrix product";
    // Not a multiple of a tile along any axis.
    let (batch, m, n, k) = (2, 70, 36, 600);
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
    let title = format!("{name}, transposed {a_transposed} and {b_transposed}");
    compare(title, &found, &places(found.len()), reference, results);
    Ok(())
}
