//! The kernels on software Vulkan against sums in f64, at sizes where errors hide. Both ways of cutting the work, the
//! GPU's and the processor's, run here.

mod conv3d;
mod matmul;
mod norm;
mod update;

use crate::device::{AdapterKind, adapters, select};
use burn::backend::DispatchDevice;
use burn::backend::ops::FloatTensorOps;
use burn::tensor::TensorData;
use burn_cubecl::tensor::CubeTensor;
use burn_cubecl::{CubeBackend, CubeDevice};

/// A software Vulkan adapter.
fn device() -> CubeDevice {
    pollster::block_on(async {
        let all = adapters().await;
        let software = all
            .iter()
            .find(|a| a.kind == AdapterKind::Software && a.device.starts_with("vulkan"))
            .expect("a software Vulkan adapter is installed (Debian: mesa-vulkan-drivers)");
        let choice = software.device.parse().expect("doctor's name is a device");
        let device = select(choice).await.expect("the adapter opens").device;
        match device.as_dispatch() {
            DispatchDevice::Cube(device) => device.clone(),
            other => panic!("{other:?} is no GPU"),
        }
    })
}

/// Numbers from -1 to 1 with no pattern a wrong index could hide behind.
fn values(count: usize, seed: usize) -> Vec<f32> {
    let value = |i: usize| {
        let mixed = ((i + seed * 7919) as u32).wrapping_mul(2_654_435_761) ^ 0x9e37_79b9;
        (mixed.wrapping_mul(0x85eb_ca6b) >> 8) as f32 / (1u32 << 23) as f32 - 1.0
    };
    (0..count).map(value).collect()
}

fn upload(values: &[f32], shape: &[usize], device: &CubeDevice) -> CubeTensor {
    let data = TensorData::new(values.to_vec(), shape.to_vec());
    CubeBackend::float_from_data(data, device)
}

fn filled(shape: &[usize], seed: usize, device: &CubeDevice) -> (Vec<f32>, CubeTensor) {
    let values = values(shape.iter().product(), seed);
    let tensor = upload(&values, shape, device);
    (values, tensor)
}

fn host(tensor: CubeTensor) -> Vec<f32> {
    let data = burn_cubecl::ops::into_data_sync(tensor);
    data.convert::<f32>().try_into_vec().expect("f32 numbers")
}

/// Relative L2 error over pairs of found and exact numbers.
fn error(pairs: impl Iterator<Item = (f32, f64)>) -> f64 {
    let (mut off, mut all) = (0.0, 0.0);
    for (found, exact) in pairs {
        off += (f64::from(found) - exact).powi(2);
        all += exact * exact;
    }
    (off / all.max(f64::MIN_POSITIVE)).sqrt()
}

/// Asserts that all of `found` is near `exact`.
fn assert_near(what: &str, found: CubeTensor, exact: &[f64], tolerance: f64) {
    let found = host(found);
    assert_eq!(found.len(), exact.len(), "{what}: count");
    let error = error(found.into_iter().zip(exact.iter().copied()));
    assert!(error <= tolerance, "{what}: relative error {error:e}");
}
