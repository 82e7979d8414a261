//! Runs that come and go: as a folder's files or as one zip archive.

use crate::cases::Cases;
use crate::protocol::{Stage, Start, TrainRequest};
use crate::run_folder::RUN;
use crate::settings;
use hounsfield::config::{DataConfig, FinetuneConfig, PretrainConfig, StageConfig};
use hounsfield::dataset::phantom::{RunSeeds, seed_of};
use hounsfield::dataset::{Case, DataList, LIST_FILE};
use hounsfield::platform::{self, memory};
use hounsfield::train::{Checkpoint, layout};
use hounsfield::weights::{Archive, ArchiveWriter};
use std::num::NonZeroUsize;
use std::path::Path;

/// The archive of a run, without its ending, and the one folder in it.
pub(crate) const ARCHIVE: &str = "hounsfield-run";

/// The run at hand as a zip archive whose folder the native program goes on with.
pub(crate) fn archive() -> Result<Vec<u8>, String> {
    let files = memory::files_in(Path::new(RUN));
    if files.is_empty() {
        return Err("there is no run yet".to_owned());
    }
    let size = files.iter().map(|(_, bytes)| bytes.len() + 1024).sum();
    let mut archive =
        ArchiveWriter::with_room(size).ok_or("there is no memory for the run in one file")?;
    for (path, bytes) in files {
        let name = format!("{ARCHIVE}/{}", path.display());
        archive
            .add(&name, &bytes)
            .ok_or("the run is too large for one file")?;
    }
    archive
        .finish()
        .ok_or_else(|| "the run is too large for one file".to_owned())
}

/// Puts a run in the place of the one at hand, which stays where nobody can go on with the new one.
pub(crate) fn take(files: Vec<(String, Vec<u8>)>) -> Result<Place, String> {
    let run = Path::new(RUN);
    let before = memory::files_in(run);
    let taken = put(files).and_then(|()| place());
    if taken.is_err() {
        memory::remove(run);
        for (path, bytes) in before {
            platform::write_atomic(&run.join(path), &bytes).map_err(|e| e.to_string())?;
        }
    }
    taken
}

/// Lays a run out in the place of the one at hand, unpacked where it is an archive.
fn put(files: Vec<(String, Vec<u8>)>) -> Result<(), String> {
    match &files[..] {
        [(name, bytes)] if bytes.starts_with(b"PK") => {
            let archive = Archive::open(bytes).map_err(|e| format!("{name}: {e}"))?;
            let manifest_path = manifest_path();
            if !archive.names().any(|entry| entry.ends_with(&manifest_path)) {
                return Err(format!(
                    "{name}: no run in it; unpack it, and open what it holds"
                ));
            }
            let mut inside = Vec::new();
            let needed = |entry: &&str| !entry.ends_with('/') && !is_spare(entry);
            for entry in archive.names().filter(needed) {
                let damaged = |e| format!("{name}: {e}");
                archive.verify(entry).map_err(damaged)?;
                let packed =
                    |_| format!("{name}: it was compressed anew; unpack it, and open the folder");
                let bytes = archive.bytes(entry).map_err(packed)?;
                inside.push((entry.to_owned(), bytes.unwrap_or_default().to_vec()));
            }
            lay(inside)
        }
        _ => lay(files),
    }
}

/// Whether a run goes on without this file: it is of the checkpoint before the last, and takes memory for nothing.
fn is_spare(name: &str) -> bool {
    let previous = layout::previous(Path::new(""));
    name.contains(&format!("{}/", previous.display()))
}

fn lay(files: Vec<(String, Vec<u8>)>) -> Result<(), String> {
    let manifest_path = manifest_path();
    let manifests = files
        .iter()
        .filter_map(|(name, bytes)| Some((name.strip_suffix(&manifest_path)?, bytes)));
    let (root, manifest) = manifests
        .min_by_key(|(root, _)| root.len())
        .ok_or_else(|| format!("no run among these files: one holds {manifest_path}"))?;
    // Before the run at hand is given up.
    layout::stage_of::<Stage>(manifest)
        .map_err(|_| format!("{manifest_path} is not the manifest of a run"))?;
    let root = root.to_owned();
    memory::remove(Path::new(RUN));
    for (name, bytes) in files {
        if let Some(inside) = name.strip_prefix(&root).filter(|name| !name.contains("..")) {
            let path = Path::new(RUN).join(inside);
            platform::write_atomic(&path, &bytes).map_err(|e| e.to_string())?;
        }
    }
    Ok(())
}

/// Path of the last checkpoint's manifest in a run's folder, which tells one.
fn manifest_path() -> String {
    let manifest = layout::last(Path::new("")).join(layout::MANIFEST);
    manifest.to_string_lossy().into_owned()
}

/// How far the run at hand is.
pub(crate) struct Place {
    pub(crate) stage: Stage,
    pub(crate) step: u64,
    /// Unknown where it counts epochs and its list of cases is not there.
    pub(crate) total_steps: Option<u64>,
    data: DataConfig,
    seed: u64,
    /// Classes of the network, the background included.
    pub(crate) classes: usize,
}

/// Reads the newest checkpoint of the run at hand and checks it.
pub(crate) fn place() -> Result<Place, String> {
    /// `sizes`: volumes of a batch, and classes.
    fn of<C: StageConfig>(stage: Stage, sizes: fn(&C) -> (usize, usize)) -> Result<Place, String> {
        let checkpoint = Checkpoint::<C>::latest(Path::new(RUN)).map_err(|e| e.to_string())?;
        let config = &checkpoint.manifest.config;
        config.validate().map_err(|e| e.to_string())?;
        let proportion = checkpoint.check_proportion(config);
        proportion.map_err(|e| e.to_string())?;
        let (batch, classes) = sizes(config);
        Ok(Place {
            stage,
            step: checkpoint.manifest.progress.step,
            total_steps: total_steps(config, batch),
            data: config.data().clone(),
            seed: config.run().seed,
            classes,
        })
    }
    let none = "there is no run to go on with";
    let newest = layout::newest(Path::new(RUN)).ok_or(none)?;
    let manifest = platform::read(&newest.join(layout::MANIFEST)).map_err(|_| none)?;
    let unreadable = |e| format!("{} of the run cannot be read: {e}", layout::MANIFEST);
    match layout::stage_of::<Stage>(&manifest).map_err(unreadable)? {
        Stage::Finetune => of::<FinetuneConfig>(Stage::Finetune, |config| {
            (config.crops.batch_volumes, config.unetr().classes)
        }),
        Stage::Pretrain => {
            of::<PretrainConfig>(Stage::Pretrain, |config| (config.sampling.batch_volumes, 0))
        }
    }
}

/// Steps of a whole run that learns from so many volumes in each.
fn total_steps<C: StageConfig>(config: &C, batch: usize) -> Option<u64> {
    let (run, data) = (config.run(), config.data());
    if run.epochs.is_none() {
        return run.max_steps;
    }
    let volumes = match data.datalist {
        None => data.phantoms,
        Some(_) => limited(data).ok()?.training.len(),
    };
    Some(config.total_steps(settings::steps_per_epoch(volumes, batch)))
}

/// The list of cases of the run at hand.
pub(crate) fn list() -> Result<DataList, String> {
    let bytes = platform::read(&Path::new(RUN).join(LIST_FILE)).map_err(|_| {
        format!("its list of cases: drop the split file with the run, as {LIST_FILE}")
    })?;
    let list = settings::listed(&bytes, LIST_FILE)?;
    list.for_training(LIST_FILE).map_err(|e| e.to_string())
}

/// That list, with as many cases as the settings of the run use.
fn limited(data: &DataConfig) -> Result<DataList, String> {
    let mut list = list()?;
    if let Some(limit) = data.limit.and_then(NonZeroUsize::new) {
        list.limit(limit);
    }
    Ok(list)
}

/// Each takes half a megabyte and a tenth of a second.
const MOST_PHANTOMS: usize = 200;

/// The cases of the run at hand: phantoms are made, others looked for by their names. Names of what is missing are
/// the error.
pub(crate) fn cases_of(place: &Place, cases: &mut Cases) -> Result<TrainRequest, Vec<String>> {
    let request = |training, validation, classes| TrainRequest {
        stage: place.stage,
        start: Start::Scratch,
        training,
        validation,
        classes,
        settings: Vec::new(),
    };
    if place.data.datalist.is_none() {
        if place.data.phantoms > MOST_PHANTOMS {
            let count = place.data.phantoms;
            return Err(vec![format!(
                "{count} phantoms, of which this page makes {MOST_PHANTOMS} at most"
            )]);
        }
        let seeds = RunSeeds::of(place.seed, place.data.phantoms);
        let mut make = |seeds: Vec<u64>| -> Result<Vec<usize>, Vec<String>> {
            seeds
                .into_iter()
                .map(|seed| cases.add_phantom(seed))
                .collect::<Result<_, _>>()
                .map_err(|why| vec![why])
        };
        let training = make(seeds.training)?;
        let validation = make(seeds.validation)?;
        return Ok(request(training, validation, Vec::new()));
    }
    let list = limited(&place.data).map_err(|why| vec![why])?;
    let listed: Vec<&Case> = list.training.iter().chain(&list.validation).collect();
    for case in &listed {
        if let Some(seed) = seed_of(&case.image.to_string_lossy()) {
            // One that cannot be made is missing.
            let _ = cases.add_phantom(seed);
        }
    }
    let (mut images, mut missing) = (Vec::new(), Vec::new());
    for (case, found) in listed.iter().zip(cases.find(&listed)) {
        let Some(image) = found.image else {
            missing.push(case.image.to_string_lossy().into_owned());
            continue;
        };
        images.push(image);
        let has = cases.images.get(image).and_then(|image| image.label);
        match (&case.label, found.label) {
            (Some(_), label @ Some(_)) if label != has => cases.choose(image, label),
            (Some(label), None) if has.is_none() && place.stage == Stage::Finetune => {
                missing.push(label.to_string_lossy().into_owned());
            }
            _ => {}
        }
    }
    if !missing.is_empty() {
        missing.sort_unstable();
        missing.dedup();
        return Err(missing);
    }
    // All were found, those to learn from first.
    let validation = images.split_off(list.training.len());
    let validation = match validation.is_empty() {
        true => images.clone(),
        false => validation,
    };
    let mut classes = list.classes;
    classes.truncate(place.classes);
    Ok(request(images, validation, classes))
}
