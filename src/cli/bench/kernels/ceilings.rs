//! What a device can do at most: the matrix product as the ceiling of arithmetic, a copy as that of memory.

use super::{Bench, noise};
use crate::cli::bench::clock::shortest;
use crate::cli::bench::step;
use crate::kernels::matmul;
use burn::Tensor;
use burn::backend::DispatchDevice;
use burn::backend::ops::FloatTensorOps;
use burn::tensor::TensorData;
use burn_cubecl::CubeBackend;

type Product = fn(Tensor<2>, Tensor<2>) -> Tensor<2>;

/// The matrix products whose faster one is the ceiling. On the CPU both are burn's.
pub(super) const PRODUCTS: [(&str, Product); 2] = [
    ("burn's matrix product", Tensor::matmul),
    ("matrix product", matmul),
];

impl Bench<'_> {
    /// Matrix products, and a copy of memory.
    pub(super) fn ceilings(&mut self) -> anyhow::Result<()> {
        let device = self.plain;
        // Large enough to fill a GPU, small enough for a processor.
        let n = if self.gpu { 4096 } else { 1024 };
        let (a, b) = (noise([n, n], device), noise([n, n], device));
        let (flops, numbers) = (2.0 * (n as f64).powi(3), 3.0 * (n * n) as f64);
        let shape = format!("{n} x {n} x {n}");
        for (name, product) in PRODUCTS {
            let seconds = shortest(device, self.repeats, || Ok(product(a.clone(), b.clone())))?;
            self.push(name, &shape, "forward", seconds, flops, numbers);
        }
        // Beyond the caches of a GPU.
        let count = if self.gpu { 1 << 25 } else { 1 << 23 };
        let seconds = match device.as_dispatch() {
            DispatchDevice::Cube(cube) => {
                // Outside of fusion, which would make one pass of several.
                let values = TensorData::new(step::noise(count, 0), [count]);
                let x = CubeBackend::float_from_data(values, cube);
                shortest(device, self.repeats, || Ok(x.copy()))?
            }
            _ => {
                // A sum with a number reads and writes everything once.
                let x = noise([count], device);
                shortest(device, self.repeats, || Ok(x.clone() + 1.0))?
            }
        };
        self.push(
            "copy",
            &format!("{} MiB", count >> 18),
            "forward",
            seconds,
            0.0,
            2.0 * count as f64,
        );
        Ok(())
    }
}
