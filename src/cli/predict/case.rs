//! One image: its label map, and what else was asked for.

use super::PredictArgs;
use super::grid::OutputGrid;
use super::picture::{displayed, draw};
use super::probabilities::write_probabilities;
use super::report::{CaseReport, Structure, in_words};
use super::targets::Job;
use crate::cli::counting::Counting;
use crate::cli::model::Predictor;
use crate::cli::output::{count, duration, say};
use crate::cli::suits::other_scale;
use crate::cli::windows::Grid;
use crate::dataset::case_name;
use crate::infer::{Connectivity, Probabilities, keep_largest_components};
use crate::metric::volumes_ml;
use crate::platform::Instant;
use crate::train::Control;
use crate::transform::{Prepared, crop};
use crate::volume::{self, Datatype, NiftiImage, rounded};
use std::path::Path;

/// Predicts one image and writes what was asked for. `what` is counted, in words.
pub(super) fn one(
    args: &PredictArgs,
    predictor: &Predictor,
    names: &[String],
    job: &Job,
    what: &str,
    control: &Control,
) -> anyhow::Result<CaseReport> {
    let started = Instant::now();
    let (input, output) = (job.image.as_path(), job.output.as_path());
    let model = &predictor.model;
    let classes = model.network.classes();
    let image = volume::read_image(input)?;
    volume::warn_of_doubts(input, &image);
    let NiftiImage { header, volume } = image;
    if let Some(why) = other_scale(input, &volume, model) {
        log::warn!("{why}");
    }
    let on_input = matches!(args.grid, Grid::Input).then(|| OutputGrid::of_input(&volume, header));
    if let Some(grid) = &on_input {
        grid.check()?;
    }
    let draws = args.picture.is_some();
    // Made before preparing takes the voxels: a copy of them is wanted only here.
    let shown = (draws && on_input.is_some()).then(|| displayed(&volume, &model.config));
    let prepared = model.config.transform().image(volume)?;
    let (grid, shown) = match on_input {
        Some(grid) => (grid, shown),
        None => {
            // Nobody scanned the padding.
            let scanned = crop(&prepared.image, prepared.geometry.inside)?;
            let grid = OutputGrid::of_model(&scanned);
            grid.check()?;
            (grid, draws.then(|| scanned.into_data()))
        }
    };
    let mut kept = match args.probabilities {
        Some(_) => Some(Probabilities::new(prepared.image.data().len(), classes)?),
        None => None,
    };
    let keep = kept.as_mut();
    let Segmented {
        mut labels,
        windows,
        passed_over,
    } = segmented(predictor, &prepared, args.grid, keep, what, control)?;
    if passed_over > 0 {
        say(&told_passed_over(input, passed_over, windows));
    }
    if args.largest_component {
        keep_largest(&mut labels, &grid);
    }
    let values = labels.iter().map(|label| f32::from(*label)).collect();
    grid.write(output, values, Datatype::U8)?;
    if let (Some(folder), Some(kept)) = (&args.probabilities, &kept) {
        write_probabilities(folder, &job.name, kept, &prepared, &grid)?;
    }
    let volumes_ml = volumes_ml(&labels, classes, grid.voxel_ml)?;
    let volumes_ml: Vec<f64> = volumes_ml.into_iter().map(rounded).collect();
    let found = names.iter().zip(&volumes_ml).enumerate().skip(1);
    let structures = found.map(|(label, (name, ml))| Structure {
        label,
        name: name.clone(),
        ml: *ml,
    });
    let structures: Vec<Structure> = structures.collect();
    let mut wrote = output.display().to_string();
    if let (Some(picture), Some(shown)) = (&args.picture, shown) {
        let name = input.to_string_lossy();
        if draw(picture, &grid, (shown, labels), (case_name(&name), names))? {
            wrote = format!("{wrote} and {}", picture.display());
        }
    }
    let seconds = started.elapsed().as_secs_f64();
    say(&format!(
        "{}: {} in {}, wrote {wrote}: {}",
        input.display(),
        count(windows, "window"),
        duration(seconds),
        in_words(&structures)
    ));
    Ok(CaseReport {
        input: input.to_owned(),
        output: output.to_owned(),
        windows,
        passed_over,
        seconds,
        volumes_ml,
        structures,
    })
}

/// What the network made of an image.
struct Segmented {
    /// On the voxels that were asked for, without padding.
    labels: Vec<u8>,
    /// Windows that cover the image, and those of them that nobody looked at.
    windows: usize,
    passed_over: usize,
}

/// Labels on `grid`. `keep` takes the classes' probabilities on the prepared grid, padding included; `what` is counted, in
/// words.
fn segmented(
    predictor: &Predictor,
    prepared: &Prepared,
    grid: Grid,
    keep: Option<&mut Probabilities>,
    what: &str,
    control: &Control,
) -> anyhow::Result<Segmented> {
    let (image, shape) = (prepared.image.data(), prepared.image.shape());
    let passed_over = predictor.windows.passed_over(image, shape)?;
    // How many there are is known at the first.
    let mut counting: Option<Counting> = None;
    let mut windows = 0;
    let labels = predictor.labels(prepared, grid, keep, |done, all| {
        counting
            .get_or_insert_with(|| Counting::new(what, all))
            .reach(done);
        windows = all;
        control.flow()
    })?;
    let labels = match grid {
        Grid::Input => labels,
        Grid::Model => prepared.geometry.without_padding(&labels)?,
    };
    Ok(Segmented {
        labels,
        windows,
        passed_over,
    })
}

/// Windows that count as background unseen may have held what was looked for.
fn told_passed_over(input: &Path, passed_over: usize, windows: usize) -> String {
    format!(
        "{}: {passed_over} of {} passed over, for all in their middle is air or as dark as air; --keep-air asks them too",
        input.display(),
        count(windows, "window")
    )
}

/// Leaves the largest connected component of each label, and says what is gone.
fn keep_largest(labels: &mut [u8], grid: &OutputGrid) {
    let cleaned = keep_largest_components(labels, grid.shape, Connectivity::default(), |_| true);
    for removed in cleaned.iter().filter(|removed| removed.components > 0) {
        say(&format!(
            "label {}: {} removed, {} of {} voxels",
            removed.label,
            count(removed.components, "smaller component"),
            removed.voxels,
            removed.voxels + removed.kept
        ));
    }
}
