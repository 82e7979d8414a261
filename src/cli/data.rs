//! The volumes of a run: listed, checked and prepared before training starts.

use crate::cli::counting::Counting;
use crate::cli::output::say;
use crate::config::suits::no_hu;
use crate::config::{DataConfig, FinetuneConfig, IntensityMode, PretrainConfig, may_be_hu};
use crate::dataset::phantom::{self, PhantomCase, PhantomSpec, RunSeeds, abdomen};
use crate::dataset::{
    Cache, Case, DataList, FileSource, MemorySource, Preparation, VolumeSource, class_notices,
    warm_up,
};
use crate::train::Control;
use crate::transform::Labelled;
use crate::volume::{self, Volume};
use anyhow::{Context, bail};
use rayon::prelude::*;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The checked list of volumes, or none for phantoms. `labels` says whether every case needs a label map.
pub(super) fn data_list(data: &DataConfig, labels: bool) -> anyhow::Result<Option<DataList>> {
    let Some(path) = &data.datalist else {
        if data.data_root.is_some() {
            bail!("--data-root is given without --datalist: name the split file or folder too");
        }
        if data.limit.and_then(NonZeroUsize::new).is_some() {
            log::warn!(
                "--limit counts the volumes of a --datalist: --phantoms says how many phantoms are made"
            );
        }
        return Ok(None);
    };
    let list = listed(path, data.data_root.as_deref(), labels)?;
    let mut list = list.for_training(&path.display().to_string())?;
    if let Some(limit) = data.limit.and_then(NonZeroUsize::new) {
        list.limit(limit);
    }
    for notice in list.notices() {
        log::warn!("{notice}");
    }
    list.check(labels)?;
    Ok(Some(list))
}

/// The list in a split file or a folder, not checked yet. `labels` says whether classes are read and, of a folder,
/// label maps looked for.
pub(super) fn listed(path: &Path, root: Option<&Path>, labels: bool) -> anyhow::Result<DataList> {
    if !path.is_dir() {
        return Ok(match labels {
            true => DataList::load(path, root)?,
            false => DataList::load_images(path, root)?,
        });
    }
    if root.is_some() {
        bail!(
            "--data-root belongs to a split file, and {} is a folder: leave one of them out",
            path.display()
        );
    }
    match labels {
        true => labelled_folder(path),
        false => Ok(DataList::from_folder(path)?),
    }
}

/// Labelled cases of a folder; what is left out is told.
fn labelled_folder(folder: &Path) -> anyhow::Result<DataList> {
    let found = DataList::from_labelled_folder(folder)?;
    for (paths, what) in [
        (&found.unlabelled, "images without a label map are left out"),
        (&found.unused, "label maps without an image are left out"),
        (&found.passed_over, "sub-folders are not looked into"),
    ] {
        if let [first, ..] = &paths[..] {
            log::warn!("{what}: {}, such as {}", paths.len(), first.display());
        }
    }
    let namesakes = found.list.namesakes();
    if let [first, ..] = &namesakes[..] {
        log::warn!(
            "test images have the names of others for training or validation: {}, such as {}: check whether they are \
             the same cases, for scores on those would be too good",
            namesakes.len(),
            first.display()
        );
    }
    Ok(found.list)
}

/// Settles what `auto` means by the list's modality. Where that is CT or nothing and the first image is not in HU, a
/// warning tells what to do: the window of CT makes little of other images.
pub(super) fn settle_intensity(
    mode: &mut IntensityMode,
    list: Option<&DataList>,
) -> anyhow::Result<()> {
    let guessed = *mode == IntensityMode::Auto;
    let modality = list.and_then(|list| list.modality.as_deref());
    *mode = mode.settled(modality);
    if let Some(modality) = modality.filter(|name| guessed && *name != "CT") {
        say(&format!(
            "intensities: {}, for the list's modality is {modality}",
            match mode {
                IntensityMode::Percentile => {
                    "each volume's own percentiles are its range, not --intensity-min and --intensity-max"
                }
                _ => "HU in a fixed window",
            }
        ));
    }
    let first = list.and_then(|list| list.training.first());
    let Some(first) = first.filter(|_| guessed && *mode == IntensityMode::Range) else {
        return Ok(());
    };
    match modality {
        None => warn_of_other_scale(&first.image)?,
        Some(modality) => warn_of_no_ct(&first.image, modality),
    }
    Ok(())
}

/// Warns where an image that a list calls CT is not in HU. One that cannot be read is named with all others later.
fn warn_of_no_ct(image: &Path, modality: &str) {
    let lowest = volume::read(image).ok().and_then(|volume| volume.lowest());
    if let Some(why) = lowest.and_then(no_hu) {
        log::warn!(
            "the list says that its images are {modality}, but {} {why}: if it is MR, write \"MRI\" in the list or \
             give --intensity percentile",
            image.display()
        );
    }
}

/// Warns where an image whose modality nobody names is not in HU.
pub(super) fn warn_of_other_scale(image: &Path) -> anyhow::Result<()> {
    let lowest = volume::read(image)?.lowest();
    if let Some(lowest) = lowest.filter(|lowest| !may_be_hu(*lowest)) {
        log::warn!(
            "nothing names the modality, so intensities are scaled as CT in HU, but {} has no value below {lowest}: \
             for MR give --intensity percentile, or \"modality\": {{\"0\": \"MRI\"}} in a split file",
            image.display()
        );
    }
    Ok(())
}

/// Prepared volumes.
pub(super) struct Sources<T> {
    pub training: Arc<dyn VolumeSource<T>>,
    pub validation: Arc<dyn VolumeSource<T>>,
}

/// Training and validation volumes for pre-training.
pub(super) fn image_sources(
    config: &PretrainConfig,
    list: Option<DataList>,
    folder: &Path,
    control: &Control,
) -> anyhow::Result<Sources<Volume>> {
    match list {
        Some(list) => file_sources(&config.data, list, config.transform(), folder, control),
        None => phantom_sources(&config.data, config.run.seed, control, |cases| {
            let images = cases.into_iter().map(|(name, case)| (name, case.image));
            Ok(MemorySource::prepare(images, &config.transform())?)
        }),
    }
}

/// Training and validation cases with their labels for fine-tuning.
pub(super) fn labelled_sources(
    config: &FinetuneConfig,
    list: Option<DataList>,
    folder: &Path,
    control: &Control,
) -> anyhow::Result<Sources<Labelled>> {
    let transform = config.transform();
    let classes = list
        .as_ref()
        .map_or_else(Vec::new, |list| list.classes.clone());
    let sources = match list {
        Some(list) => file_sources(&config.data, list, transform, folder, control)?,
        None => phantom_sources(&config.data, config.run.seed, control, |cases| {
            let cases = cases
                .into_iter()
                .map(|(name, case)| (name, case.image, case.label));
            Ok(MemorySource::prepare_labelled(cases, &transform)?)
        })?,
    };
    let training: &dyn VolumeSource<Labelled> = sources.training.as_ref();
    let counting = Counting::new("looking for labels in training volumes", training.len());
    let progress = |done, _| {
        counting.reach(done);
        control.flow()
    };
    let named = (transform.classes, &classes[..]);
    for notice in class_notices(training, config.data.threads(), named, progress)? {
        log::warn!("training: {notice}");
    }
    Ok(sources)
}

fn file_sources<P: Preparation + Copy + 'static>(
    data: &DataConfig,
    mut list: DataList,
    preparation: P,
    folder: &Path,
    control: &Control,
) -> anyhow::Result<Sources<P::Item>> {
    if list.validation.is_empty() {
        log::warn!(
            "no validation volumes in the list: validating on those of training, and scores on training cases flatter"
        );
        list.validation.clone_from(&list.training);
    }
    let cache_folder = match &data.cache_dir {
        Some(folder) => folder.clone(),
        None => cache_beside(folder)?,
    };
    let cache = Arc::new(Cache::new(cache_bytes(data), Some(&cache_folder)));
    let source = |cases: &[Case]| FileSource::new(cases, preparation, Arc::clone(&cache));
    let (training, validation) = (source(&list.training), source(&list.validation));
    say(&format!(
        "data: {} training and {} validation volumes, prepared copies in {}",
        list.training.len(),
        list.validation.len(),
        cache_folder.display()
    ));
    for (what, source) in [("training", &training), ("validation", &validation)] {
        prepare(what, source, data.threads(), control)?;
    }
    Ok(Sources {
        training: Arc::new(training),
        validation: Arc::new(validation),
    })
}

/// Memory for prepared volumes, which the settings give in MiB.
fn cache_bytes(data: &DataConfig) -> u64 {
    data.cache_memory.saturating_mul(1 << 20)
}

/// The folder of prepared copies beside that of a run, never in it: whole scans are not handed on with a run.
fn cache_beside(run: &Path) -> anyhow::Result<PathBuf> {
    // The path alone does not tell what `.` and `..` lie in.
    let run = run
        .canonicalize()
        .with_context(|| format!("cannot find {}", run.display()))?;
    Ok(run.parent().unwrap_or(&run).join("cache"))
}

/// Goes through all volumes once, so that a broken one is named before the first step.
fn prepare<T>(
    what: &str,
    source: &dyn VolumeSource<T>,
    threads: usize,
    control: &Control,
) -> anyhow::Result<()> {
    let counting = Counting::new(&format!("preparing {what} volumes"), source.len());
    warm_up(source, threads, |done, _| {
        counting.reach(done);
        control.flow()
    })?;
    Ok(())
}

fn phantom_sources<T: Send + Sync + 'static>(
    data: &DataConfig,
    seed: u64,
    control: &Control,
    prepare: impl Fn(Vec<(String, PhantomCase)>) -> anyhow::Result<MemorySource<T>>,
) -> anyhow::Result<Sources<T>> {
    let seeds = RunSeeds::of(seed, data.phantoms);
    say(&format!(
        "data: making {} training and {} validation phantoms",
        seeds.training.len(),
        seeds.validation.len()
    ));
    let make = |seeds: Vec<u64>| -> anyhow::Result<Arc<dyn VolumeSource<T>>> {
        let cases = seeds
            .into_par_iter()
            .map(|seed| {
                if control.stopped() {
                    bail!("stopped while making phantoms");
                }
                let case = abdomen(seed, &PhantomSpec::quickstart())?;
                Ok((phantom::name_of(seed), case))
            })
            .collect::<anyhow::Result<Vec<_>>>()?;
        Ok(Arc::new(prepare(cases)?))
    };
    Ok(Sources {
        training: make(seeds.training)?,
        validation: make(seeds.validation)?,
    })
}

#[cfg(test)]
mod tests;
