//! The volumes of a run: listed, checked and prepared before training starts.

use crate::cli::output::say;
use crate::cli::preview::PictureOrientation;
use crate::config::PretrainConfig;
use crate::dataset::phantom::{PhantomSpec, abdomen};
use crate::dataset::{Cache, DataList, FileSource, MemorySource, VolumeSource, warm_up};
use crate::platform;
use crate::train::Control;
use crate::volume;
use anyhow::{Context, bail};
use indicatif::ProgressBar;
use rayon::prelude::*;
use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Seeds of validation phantoms start here, far from those of training.
const VALIDATION_SEED: u64 = 1 << 32;

/// The checked list of volumes, or none for phantoms.
pub(super) fn data_list(config: &PretrainConfig) -> anyhow::Result<Option<DataList>> {
    let Some(path) = &config.data.datalist else {
        if config.data.data_root.is_some() {
            bail!("--data-root is given without --datalist: name the split file or folder too");
        }
        return Ok(None);
    };
    let mut list = if path.is_dir() {
        DataList::from_folder(path)?
    } else {
        DataList::load(path, config.data.data_root.as_deref())?
    };
    if let Some(limit) = config.data.limit.and_then(NonZeroUsize::new) {
        list.limit(limit);
    }
    for notice in list.notices() {
        log::warn!("{notice}");
    }
    list.check(false)?;
    Ok(Some(list))
}

pub(super) type Sources = (
    Arc<dyn VolumeSource>,
    Arc<dyn VolumeSource>,
    PictureOrientation,
);

/// Training and validation volumes, and how their pictures are turned.
pub(super) fn sources(
    config: &PretrainConfig,
    list: Option<DataList>,
    folder: &Path,
    control: &Control,
) -> anyhow::Result<Sources> {
    match list {
        Some(mut list) => {
            if list.validation.is_empty() {
                say("no validation volumes in the list: validating on those of training");
                list.validation.clone_from(&list.training);
            }
            file_sources(config, &list, folder, control)
        }
        None => phantom_sources(config, control),
    }
}

fn file_sources(
    config: &PretrainConfig,
    list: &DataList,
    folder: &Path,
    control: &Control,
) -> anyhow::Result<Sources> {
    let cache_folder = config.data.cache_dir.clone().unwrap_or_else(|| {
        let beside: PathBuf = folder.parent().map_or_else(PathBuf::new, Path::to_owned);
        beside.join("cache")
    });
    let memory = config.data.cache_memory.saturating_mul(1 << 20);
    let cache = Arc::new(Cache::new(memory, Some(&cache_folder)));
    let training = Arc::new(FileSource::new(
        &list.training,
        config.transform(),
        Arc::clone(&cache),
    ));
    let validation = Arc::new(FileSource::new(&list.validation, config.transform(), cache));
    say(&format!(
        "data: {} training and {} validation volumes, prepared copies in {}",
        training.len(),
        validation.len(),
        cache_folder.display()
    ));
    for (what, source) in [("training", &training), ("validation", &validation)] {
        prepare(what, source.as_ref(), config.data.workers, control)?;
    }
    let first = list.training.first().context("the list is empty")?;
    let orientation = PictureOrientation::of(volume::read(&first.image)?.affine());
    Ok((training, validation, orientation))
}

/// Goes through all volumes once, so that a broken one is named before the first step.
fn prepare(
    what: &str,
    source: &dyn VolumeSource,
    workers: usize,
    control: &Control,
) -> anyhow::Result<()> {
    let bar =
        ProgressBar::new(source.len() as u64).with_message(format!("preparing {what} volumes"));
    let workers = match workers {
        0 => platform::threads(),
        workers => workers,
    };
    warm_up(source, workers, |done, _| {
        bar.set_position(done as u64);
        match control.stopped() {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    })?;
    bar.finish_and_clear();
    Ok(())
}

fn phantom_sources(config: &PretrainConfig, control: &Control) -> anyhow::Result<Sources> {
    let training = config.data.phantoms;
    let validation = training.div_ceil(4);
    say(&format!(
        "data: making {training} training and {validation} validation phantoms"
    ));
    let make = |first: u64, count: usize| -> anyhow::Result<Arc<dyn VolumeSource>> {
        let cases = (0..count as u64)
            .into_par_iter()
            .map(|case| {
                if control.stopped() {
                    bail!("stopped while making phantoms");
                }
                let seed = first.wrapping_add(config.run.seed).wrapping_add(case);
                let image = abdomen(seed, &PhantomSpec::quickstart())?.image;
                Ok((format!("phantom {seed}"), image))
            })
            .collect::<anyhow::Result<Vec<_>>>()?;
        Ok(Arc::new(MemorySource::prepare(cases, &config.transform())?))
    };
    let orientation = {
        let affine = abdomen(config.run.seed, &PhantomSpec::quickstart())?;
        PictureOrientation::of(affine.image.affine())
    };
    Ok((
        make(0, training)?,
        make(VALIDATION_SEED, validation)?,
        orientation,
    ))
}
