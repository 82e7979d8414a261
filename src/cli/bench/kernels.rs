//! `bench kernels`: each operation at UNETR's shapes, against the device's own ceilings.

mod ceilings;

use crate::cli::bench::args::BenchKernelsArgs;
use crate::cli::bench::clock::shortest;
use crate::cli::bench::footprint::Footprint;
use crate::cli::output::print;
use crate::device;
use crate::kernels::{attention, conv3d, conv3d_pair, gelu, instance_norm, sum_all};
use crate::nn::PatchExpansion;
use anyhow::ensure;
use burn::Tensor;
use burn::backend::DispatchDevice;
use burn::module::Param;
use burn::tensor::module::conv3d as burn_conv3d;
use burn::tensor::ops::ConvOptions;
use burn::tensor::{Device, Distribution};
use ceilings::PRODUCTS;
use serde::Serialize;
use std::process::ExitCode;

/// One measurement.
#[derive(Debug, Serialize)]
struct Timing {
    name: &'static str,
    shape: String,
    /// `forward` or `forward+backward`.
    pass: &'static str,
    seconds: f64,
    /// Multiplications and additions, those of convolutions tap by tap, though the CPU needs fewer; 0 where memory decides,
    /// see `gbytes_per_s`.
    gflops: f64,
    /// Least traffic there could be, each tensor touched once.
    gbytes_per_s: f64,
}

/// The edges of the convolutions to time: space, input channels of one or two tensors, output channels.
const CONVOLUTIONS: [(usize, [usize; 2], usize); 9] = [
    (96, [1, 0], 16),
    (96, [16, 0], 16),
    (96, [16, 16], 16),
    (48, [16, 0], 16),
    (48, [32, 0], 32),
    (48, [32, 32], 32),
    (24, [64, 0], 64),
    (24, [64, 64], 64),
    (12, [128, 128], 128),
];

struct Bench<'a> {
    plain: &'a Device,
    /// Whether it is a GPU, and no processor playing one.
    gpu: bool,
    repeats: usize,
    results: Vec<Timing>,
}

fn noise<const D: usize>(shape: [usize; D], device: &Device) -> Tensor<D> {
    Tensor::random(shape, Distribution::Uniform(-1.0, 1.0), device)
}

impl Bench<'_> {
    /// Times `forward` alone and with the backward pass of the sum of its result. `flops` and `numbers` are of the
    /// forward pass; the backward pass counts twice.
    fn both<const D: usize, const N: usize>(
        &mut self,
        name: &'static str,
        shape: &str,
        (flops, numbers): (f64, f64),
        inputs: [Tensor<5>; N],
        forward: impl Fn([Tensor<5>; N]) -> Tensor<D>,
    ) -> anyhow::Result<()> {
        let device = self.plain;
        let seconds = shortest(device, self.repeats, || Ok(forward(inputs.clone())))?;
        self.push(name, shape, "forward", seconds, flops, numbers);
        let tracked = inputs.map(|x| Tensor::from_inner(x).require_grad());
        let seconds = shortest(device, self.repeats, || {
            let gradients = sum_all(forward(tracked.clone())).backward();
            Ok(tracked.clone().map(|leaf| leaf.grad(&gradients)))
        })?;
        let pass = "forward+backward";
        self.push(name, shape, pass, seconds, 3.0 * flops, 3.0 * numbers);
        Ok(())
    }

    fn push(
        &mut self,
        name: &'static str,
        shape: &str,
        pass: &'static str,
        seconds: f64,
        flops: f64,
        numbers: f64,
    ) {
        self.results.push(Timing {
            name,
            shape: shape.to_owned(),
            pass,
            seconds,
            gflops: flops / seconds / 1e9,
            gbytes_per_s: 4.0 * numbers / seconds / 1e9,
        });
    }

    fn convolutions(&mut self) -> anyhow::Result<()> {
        let device = self.plain;
        for (edge, [first, second], out) in CONVOLUTIONS {
            let voxels = edge * edge * edge;
            let total = first + second;
            let weight = noise([out, total, 3, 3, 3], device);
            let flops = 2.0 * 27.0 * (voxels * total * out) as f64;
            let numbers = (voxels * (total + out)) as f64;
            let x = |channels| noise([1, edge, edge, edge, channels], device);
            if second == 0 {
                let shape = format!("{first} to {out}, {edge}^3");
                self.both(
                    "convolution 3x3x3",
                    &shape,
                    (flops, numbers),
                    [x(first), weight],
                    |[x, w]| conv3d(x, w),
                )?;
            } else {
                let shape = format!("{first}+{second} to {out}, {edge}^3");
                let inputs = [x(first), x(second), weight];
                self.both(
                    "convolution 3x3x3",
                    &shape,
                    (flops, numbers),
                    inputs,
                    |[a, b, w]| conv3d_pair(a, b, w),
                )?;
            }
        }
        Ok(())
    }

    /// burn's own convolution, for comparison. On a software adapter it takes most of a minute, so the largest is timed
    /// on the CPU only.
    fn burn(&mut self, largest: bool) -> anyhow::Result<()> {
        let device = self.plain;
        let large = largest.then_some((96, 16));
        for (edge, channels) in large.into_iter().chain([(48, 16), (24, 64)]) {
            let flops = 2.0 * 27.0 * (edge * edge * edge * channels * channels) as f64;
            let x = noise([1, channels, edge, edge, edge], device);
            let weight = noise([channels, channels, 3, 3, 3], device);
            let shape = format!("{channels} to {channels}, {edge}^3");
            let numbers = (2 * channels * edge * edge * edge) as f64;
            let size = (flops, numbers);
            self.both(
                "burn's convolution 3x3x3",
                &shape,
                size,
                [x, weight],
                |[x, w]| {
                    let options = ConvOptions::new([1; 3], [1; 3], [1; 3], 1);
                    burn_conv3d(x, w, None, options)
                },
            )?;
        }
        Ok(())
    }

    fn others(&mut self) -> anyhow::Result<()> {
        let device = self.plain;
        for (edge, channels) in [(96, 16), (24, 64)] {
            let shape = [1, edge, edge, edge, channels];
            let count: usize = shape.iter().product();
            let text = format!("{channels}, {edge}^3");
            let inputs = [noise(shape, device), noise(shape, device)];
            let size = (0.0, 3.0 * count as f64);
            self.both(
                "instance norm, residual, leaky ReLU",
                &text,
                size,
                inputs,
                |[x, r]| instance_norm(x, Some(r), 0.01),
            )?;
        }
        for (edge, input, out) in [(48, 32, 16), (6, 768, 128)] {
            let voxels: usize = edge * edge * edge;
            let flops = 2.0 * (voxels * input * out * 8) as f64;
            let numbers = (voxels * (input + 8 * out)) as f64;
            let text = format!("{input} to {out}, {edge}^3 to {}^3", 2 * edge);
            let x = noise([1, edge, edge, edge, input], device);
            let weight = noise([input, out, 2, 2, 2], device);
            self.both(
                "transposed convolution 2",
                &text,
                (flops, numbers),
                [x, weight],
                |[x, w]| {
                    let layer = PatchExpansion {
                        weight: Param::from_tensor(w),
                        bias: None,
                    };
                    layer.forward(x)
                },
            )?;
        }
        let (heads, tokens, width) = (24, 216, 64);
        let flops = 4.0 * (heads * tokens * tokens * width) as f64;
        let numbers = 4.0 * (heads * tokens * width) as f64;
        let qkv = [1, 1, 1].map(|n| noise([n, 1, heads, tokens, width], device));
        self.both(
            "attention",
            "24 heads, 216 x 64",
            (flops, numbers),
            qkv,
            |qkv| {
                let [q, k, v] = qkv.map(|x| x.reshape([1, heads, tokens, width]));
                attention(q, k, v)
            },
        )?;
        if matches!(device.as_dispatch(), DispatchDevice::Cube(_)) {
            // There GELU is fused with its neighbours and has no time of its own.
            return Ok(());
        }
        let x = noise([1, 1, 1, 432, 3072], device);
        self.both(
            "gelu",
            "432 x 3072",
            (0.0, 2.0 * 432.0 * 3072.0),
            [x],
            |[x]| gelu(x),
        )
    }
}

pub(super) fn run(args: &BenchKernelsArgs) -> anyhow::Result<ExitCode> {
    ensure!(args.repeats > 0, "--repeats must be above 0");
    let selected = pollster::block_on(device::select(args.device.device))?;
    let mut bench = Bench {
        plain: &selected.device,
        gpu: selected.is_gpu,
        repeats: args.repeats,
        results: Vec::new(),
    };
    bench.ceilings()?;
    bench.convolutions()?;
    bench.others()?;
    if args.burn {
        bench.burn(!Footprint::is_device(&selected.device))?;
    }
    if args.json {
        return print(&serde_json::to_string_pretty(&bench.results)?).map(|()| ExitCode::SUCCESS);
    }
    let rates = bench.results.iter().take(PRODUCTS.len()).map(|r| r.gflops);
    let ceiling = rates.fold(f64::NAN, f64::max);
    let mut text = format!("{}, best of {}\n", selected.description, args.repeats);
    for result in &bench.results {
        let rate = match result.gflops {
            0.0 => format!("{:7.1} GB/s", result.gbytes_per_s),
            gflops => format!("{gflops:7.1} GFLOP/s {:4.0} %", 100.0 * gflops / ceiling),
        };
        text += &format!(
            "{:<36} {:<26} {:<16} {:>9.2} ms {rate}\n",
            result.name,
            result.shape,
            result.pass,
            1e3 * result.seconds
        );
    }
    text += "per cent are of the faster matrix product; forward+backward counts three times the work of forward,\n";
    text += "a convolution every tap, though the CPU multiplies less often and so may exceed 100";
    print(&text)?;
    Ok(ExitCode::SUCCESS)
}
