//! `bench tilings`: every way to cut the convolution on a GPU, at UNETR's shapes.

use crate::cli::bench::args::BenchTilingsArgs;
use crate::cli::bench::clock::shortest;
use crate::cli::output::print;
use crate::device;
use crate::kernels::gpu::{Candidate, convolution_candidates, weight_gradient_candidates};
use anyhow::bail;
use burn::backend::DispatchDevice;
use burn::backend::ops::FloatTensorOps;
use burn::tensor::{Device, TensorData};
use burn_cubecl::CubeBackend;
use burn_cubecl::tensor::CubeTensor;
use std::process::ExitCode;

/// Edge, input and output channels.
const SHAPES: [[usize; 3]; 5] = [
    [96, 16, 16],
    [96, 1, 16],
    [48, 32, 32],
    [24, 64, 64],
    [12, 128, 128],
];

pub(super) fn run(args: &BenchTilingsArgs) -> anyhow::Result<ExitCode> {
    let selected = pollster::block_on(device::select(args.device.device))?;
    let DispatchDevice::Cube(cube) = selected.device.as_dispatch() else {
        bail!("{} is no GPU: name a --device", selected.description);
    };
    print(&selected.description)?;
    let noise = |shape: &[usize]| -> CubeTensor {
        let count = shape.iter().product();
        let values = super::step::noise(count, count as u32);
        CubeBackend::float_from_data(TensorData::new(values, shape.to_vec()), cube)
    };
    for [edge, inputs, outputs] in SHAPES {
        let x = noise(&[1, edge, edge, edge, inputs]);
        let grad = noise(&[1, edge, edge, edge, outputs]);
        let weight = noise(&[outputs, inputs, 3, 3, 3]);
        let flops = 2.0 * 27.0 * (edge * edge * edge * inputs * outputs) as f64;
        let shape = format!("{inputs} to {outputs}, {edge}^3");
        let forward = convolution_candidates(&x, &weight);
        table(
            &format!("{shape}, forward"),
            args,
            &selected.device,
            forward,
            flops,
        )?;
        let gradient = weight_gradient_candidates(&x, &grad, 3);
        table(
            &format!("{shape}, weight gradient"),
            args,
            &selected.device,
            gradient,
            flops,
        )?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Prints the fastest candidates and the one in use.
fn table(
    title: &str,
    args: &BenchTilingsArgs,
    device: &Device,
    candidates: Vec<Candidate>,
    flops: f64,
) -> anyhow::Result<()> {
    let mut timed = Vec::new();
    for candidate in candidates {
        let seconds = shortest(device, 1, || {
            (candidate.run)();
            Ok(())
        })?;
        timed.push((seconds, candidate.name, candidate.chosen));
    }
    timed.sort_by(|a, b| a.0.total_cmp(&b.0));
    let count = timed.len();
    let mut text = format!("{title}, {count} ways");
    for (rank, (seconds, name, chosen)) in timed.into_iter().enumerate() {
        if rank < args.best || chosen {
            let used = if chosen { " (in use)" } else { "" };
            text += &format!(
                "\n  {:8.3} ms {:8.0} GFLOP/s  {name}{used}",
                1e3 * seconds,
                flops / seconds / 1e9
            );
        }
    }
    print(&text)
}
