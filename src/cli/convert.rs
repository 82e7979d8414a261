//! `convert`: one weights file to another.

use crate::cli::args::ConvertArgs;
use crate::cli::inputs::Inputs;
use crate::cli::output::print;
use crate::config::parse::triple;
use crate::platform;
use crate::weights::{ConvertOptions, ConvertReport, OutputFormat, PatchGrids, convert};
use anyhow::Context;
use serde::Serialize;
use std::path::Path;
use std::process::ExitCode;

#[derive(Serialize)]
struct Report<'a> {
    input: &'a Path,
    output: &'a Path,
    bytes: usize,
    #[serde(flatten)]
    converted: &'a ConvertReport,
}

pub(super) fn run(args: &ConvertArgs) -> anyhow::Result<ExitCode> {
    let output = args.output.display();
    let format = OutputFormat::of_name(&args.output.to_string_lossy())
        .with_context(|| format!("{output} ends in none of .safetensors, .pt and .pth"))?;
    let mut inputs = Inputs::default();
    inputs.add([&args.input]);
    inputs.refuse_overwriting(&args.output)?;
    let options = ConvertOptions {
        positions: args.patch_grid.map(|to| PatchGrids {
            from: args.source_grid,
            to,
        }),
        allow_partial: args.allow_partial,
        monai: args.monai,
    };
    let file = platform::read(&args.input)?;
    let (bytes, report) = convert(&file, format, &options)
        .with_context(|| format!("cannot convert {}", args.input.display()))?;
    platform::write_atomic(&args.output, &bytes)?;
    let json = Report {
        input: &args.input,
        output: &args.output,
        bytes: bytes.len(),
        converted: &report,
    };
    match args.json {
        true => print(&serde_json::to_string_pretty(&json)?)?,
        false => print(&format!("{report}\nwrote {output}"))?,
    }
    Ok(ExitCode::SUCCESS)
}

/// More patches than any transformer attends to; the embeddings of more would not fit into memory.
const MOST_PATCHES: usize = 1 << 18;

/// `4,4,6`, or one number for a cube.
pub(super) fn patch_grid(text: &str) -> Result<[usize; 3], String> {
    let grid = triple(text)
        .filter(|grid: &[usize; 3]| !grid.contains(&0))
        .ok_or("give the patches on each axis as 4,4,6, or one number for a cube")?;
    let count = grid.iter().try_fold(1usize, |n, edge| n.checked_mul(*edge));
    match count {
        Some(1..=MOST_PATCHES) => Ok(grid),
        _ => Err(format!("gives more than {MOST_PATCHES} patches")),
    }
}
