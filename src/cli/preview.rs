//! `preview`: the views of a volume, without training.

use crate::augment::views;
use crate::cli::args::SettingsSource;
use crate::cli::data::{data_list, settle_intensity, warn_of_other_scale};
use crate::cli::inputs::Inputs;
use crate::cli::output::{check_picture, say};
use crate::cli::settings::{Settings, layered, unless_shown};
use crate::config::{IntensityMode, Preset, PretrainConfig};
use crate::dataset::phantom::{PhantomSpec, abdomen};
use crate::dataset::prepare_file;
use crate::platform;
use crate::random::{SampleKey, Stage};
use crate::report::labels::labelled_picture;
use crate::train::Picture;
use crate::transform::{PretrainTransform, pad_to};
use clap::{ArgMatches, Args};
use std::path::PathBuf;
use std::process::ExitCode;

/// Settings that a preview depends on.
const SHOWN: [&str; 10] = [
    "datalist",
    "data_root",
    "spacing",
    "intensity",
    "intensity_min",
    "intensity_max",
    "roi_size",
    "patch_size",
    "ratchet",
    "seed",
];

#[derive(Debug, Args)]
#[command(mut_args(|arg| unless_shown(arg, &SHOWN)))]
pub(super) struct PreviewArgs {
    /// The volume to draw [default: a phantom]
    #[arg(long, value_name = "FILE")]
    input: Option<PathBuf>,
    /// The picture to write, as PNG
    #[arg(long, value_name = "FILE", default_value = "preview.png")]
    out: PathBuf,
    #[command(flatten)]
    source: SettingsSource,
    #[command(flatten)]
    settings: Settings<PretrainConfig>,
}

pub(super) fn run(args: &PreviewArgs, flags: &ArgMatches) -> anyhow::Result<ExitCode> {
    // A scan of one's own is shown as a run on it would see it.
    let fallback = args.input.as_ref().map(|_| Preset::Small);
    let (mut config, _): (PretrainConfig, _) = layered(&args.source, flags, fallback)?;
    let list = data_list(&config.data, false)?;
    let mut inputs = Inputs::default();
    inputs.add(&args.input);
    inputs.add(&args.source.config);
    if let (Some(file), Some(list)) = (&config.data.datalist, &list) {
        inputs.add_list(file, list);
    }
    inputs.refuse_overwriting(&args.out)?;
    check_picture(&args.out)?;
    if let (Some(image), IntensityMode::Auto, None) =
        (&args.input, config.sampling.intensity, &list)
    {
        warn_of_other_scale(image)?;
    }
    settle_intensity(&mut config.sampling.intensity, list.as_ref())?;
    let first = list.as_ref().and_then(|list| list.training.first());
    let input = args.input.as_ref().or(first.map(|case| &case.image));
    // Padded apart, to tell of it.
    let transform = PretrainTransform {
        patch: [1; 3],
        ..config.transform()
    };
    let (name, cropped) = match input {
        Some(path) => (path.display().to_string(), prepare_file(path, &transform)?),
        None => {
            let phantom = abdomen(config.run.seed, &PhantomSpec::quickstart())?;
            ("phantom".to_owned(), transform.apply(&phantom.image)?)
        }
    };
    let key = SampleKey {
        seed: config.run.seed,
        stage: Stage::Pretraining,
        epoch: 0,
        step: 0,
        sample: 0,
    };
    let roi = config.sampling.roi_size;
    let shape = cropped.shape();
    let prepared = pad_to(cropped, roi)?;
    let drawn = views(&prepared, roi, &config.corruption(), key)?;
    let picture = Picture::Reconstruction {
        shape: roi,
        affine: *prepared.affine(),
        original: drawn.target,
        view1: drawn.view1,
        view2: drawn.view2,
        reconstruction: Vec::new(),
    };
    let image = labelled_picture(&picture, &[])?;
    platform::write_atomic(&args.out, &image.encode_png()?)?;
    let padding = match prepared.shape() == shape {
        true => String::new(),
        false => format!(", padded with zeros to {}", edges(prepared.shape())),
    };
    say(&format!(
        "{name}: {} voxels after resampling and cropping to the foreground{padding}",
        edges(shape)
    ));
    say(&format!("wrote {}", args.out.display()));
    Ok(ExitCode::SUCCESS)
}

fn edges(shape: [usize; 3]) -> String {
    shape.map(|n| n.to_string()).join(" x ")
}
