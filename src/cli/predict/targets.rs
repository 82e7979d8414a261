//! What a call of `predict` reads and writes, checked before the work, so that it is not in vain.

use super::PredictArgs;
use super::probabilities::of_class;
use crate::cli::data::listed;
use crate::cli::inputs::{Inputs, canonical};
use crate::cli::output::{check_picture, quoted, try_writing};
use crate::dataset::{Case, DataList, DatasetError, absolute, check_cases, prediction_names};
use crate::volume;
use anyhow::{Context, anyhow, bail, ensure};
use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::path::{Path, PathBuf};

/// An image and the label map to write.
#[derive(Debug, Clone)]
pub(super) struct Job {
    pub(super) image: PathBuf,
    pub(super) output: PathBuf,
    /// The label map's path from the folder of all.
    pub(super) name: PathBuf,
}

/// What is to be segmented, and the list that it is from.
pub(super) fn jobs(args: &PredictArgs) -> anyhow::Result<(Vec<Job>, Option<DataList>)> {
    match (&args.input, &args.datalist) {
        (Some(input), _) => Ok((of_input(args, input)?, None)),
        (None, Some(file)) => {
            // Of a split file the classes do not matter; in a folder label maps tell which images a split has.
            let list = listed(file, args.data_root.as_deref(), file.is_dir())
                .map_err(|error| with_input(error, file))?;
            Ok((of_list(args, file, &list)?, Some(list)))
        }
        (None, None) => bail!("give --input or --datalist"),
    }
}

/// An error of a list, with what to do where it is a `folder` of images alone.
fn with_input(error: anyhow::Error, folder: &Path) -> anyhow::Error {
    match error.downcast_ref() {
        Some(DatasetError::NoPairs { images: 1.., .. }) => anyhow!(
            "{error}; images without label maps are segmented with --input {}",
            quoted(&folder.to_string_lossy())
        ),
        _ => error,
    }
}

/// An image alone, or those of a folder.
fn of_input(args: &PredictArgs, input: &Path) -> anyhow::Result<Vec<Job>> {
    let output = args.output.as_path();
    if !input.is_dir() {
        ensure!(input.exists(), "{}: no such file", input.display());
        let name = output.file_name().unwrap_or_default();
        return Ok(vec![Job {
            image: input.to_owned(),
            output: output.to_owned(),
            name: name.into(),
        }]);
    }
    refuse_picture(args, input, "folder")?;
    // The next call would take them for images.
    ensure!(
        canonical(output) != canonical(input),
        "--output is the folder of --input, where images would be overwritten, or label maps taken for images the next \
         time: name another folder"
    );
    let shares = args.probabilities.as_deref();
    ensure!(
        shares.is_none_or(|folder| canonical(folder) != canonical(input)),
        "--probabilities is the folder of --input, where they would be taken for images the next time: name another folder"
    );
    let images = DataList::images_of(input)?;
    let case = |image| Case { image, label: None };
    let cases: Vec<Case> = images.into_iter().map(case).collect();
    below(output, cases.iter(), 0..cases.len())
}

/// The cases of the split that was asked for.
fn of_list(args: &PredictArgs, file: &Path, list: &DataList) -> anyhow::Result<Vec<Job>> {
    refuse_picture(args, file, "list")?;
    let unlabelled = "give the folder that they are in to --input";
    let cases = args.split.cases(list, file, unlabelled)?;
    check_cases(cases, false)?;
    below(&args.output, list.all(), args.split.range(list))
}

fn refuse_picture(args: &PredictArgs, images: &Path, what: &str) -> anyhow::Result<()> {
    ensure!(
        args.picture.is_none(),
        "--picture goes with one image, and {} is a {what}",
        images.display()
    );
    Ok(())
}

/// A job for each image that is `asked` for among all cases of a list, in their order. Their label maps lie in a folder
/// where `evaluate` looks for them, and none by the name of another case's.
fn below<'a>(
    output: &Path,
    cases: impl Iterator<Item = &'a Case> + Clone,
    asked: Range<usize>,
) -> anyhow::Result<Vec<Job>> {
    ensure!(
        !output.is_file() && volume::check_name(output).is_err(),
        "--output is a folder where several images may be segmented: {} is {}",
        output.display(),
        match output.is_file() {
            true => "a file",
            false => "named as a label map",
        }
    );
    let names = prediction_names(cases.clone());
    let named: Vec<(&Path, &PathBuf)> =
        cases.map(|case| case.image.as_path()).zip(&names).collect();
    let mut images: HashMap<&PathBuf, &Path> = HashMap::new();
    let mut jobs = Vec::new();
    for &(image, name) in named.get(asked).unwrap_or_default() {
        // It may be listed twice, for more weight.
        if images.insert(name, image).is_none() {
            jobs.push(Job {
                image: image.to_owned(),
                output: output.join(name),
                name: name.clone(),
            });
        }
    }
    for (image, name) in named {
        if let Some(other) = images.get(name) {
            ensure!(
                absolute(other) == absolute(image),
                "{} and {} would both become {}: rename one",
                other.display(),
                image.display(),
                name.display()
            );
        }
    }
    Ok(jobs)
}

/// Whether all that is written of an image is there already, whatever made it.
pub(super) fn is_done(args: &PredictArgs, job: &Job) -> bool {
    let probabilities = args.probabilities.as_deref();
    // Those of the background are written last.
    let probabilities = probabilities.map(|folder| of_class(folder, &job.name, 0));
    let volumes = [Some(job.output.as_path()), probabilities.as_deref()];
    // What cannot be read, by its header and length, is made again.
    let readable = |file: &Path| volume::probe(file).is_ok();
    volumes.into_iter().flatten().all(readable) && args.picture.as_deref().is_none_or(is_there)
}

/// Whether there is something in a file; an empty one holds a place.
fn is_there(file: &Path) -> bool {
    std::fs::metadata(file).is_ok_and(|file| file.is_file() && file.len() > 0)
}

/// Refuses label maps and a picture that cannot be written, or would replace what is not this program's; gives the files
/// that the predictions come from. Of what is `skipped` nothing is written, but it is an input that looks like its own
/// label map where `--output` is the folder of the images.
pub(super) fn check(
    args: &PredictArgs,
    (jobs, skipped): (&[Job], &[Job]),
    list: Option<&DataList>,
) -> anyhow::Result<Inputs> {
    let mut inputs = Inputs::default();
    let all = || jobs.iter().chain(skipped);
    inputs.add(all().map(|job| &job.image));
    if let (Some(file), Some(list)) = (&args.datalist, list) {
        inputs.add_list(file, list);
    }
    inputs.add_network(&args.weights, args.model.config.as_deref());
    for output in all().map(|job| &job.output).chain(&args.picture) {
        inputs.refuse_overwriting(output)?;
    }
    if let Some(picture) = &args.picture {
        check_picture(picture)?;
    }
    // A name is as wrong where there is something already.
    all().try_for_each(|job| volume::check_name(&job.output))?;
    jobs.iter().try_for_each(|job| check_target(args, job))?;
    let outputs = jobs.iter().map(|job| &job.output);
    for output in outputs.chain(&args.picture) {
        try_writing(output)?;
    }
    Ok(inputs)
}

/// Refuses to write the probabilities of some classes over an input or a label map, of an image that is `skipped` too,
/// or where nothing can be written.
pub(super) fn check_probabilities(
    folder: &Path,
    (jobs, skipped): (&[Job], &[Job]),
    classes: usize,
    inputs: &Inputs,
) -> anyhow::Result<()> {
    let all = jobs.iter().chain(skipped);
    let maps: HashSet<PathBuf> = all.map(|job| place(&job.output)).collect();
    for job in jobs {
        for class in 0..classes {
            let file = of_class(folder, &job.name, class);
            inputs.refuse_overwriting(&file)?;
            ensure!(
                !maps.contains(&place(&file)),
                "{} would be a label map and probabilities too: name another folder for --probabilities",
                file.display()
            );
        }
        try_writing(&of_class(folder, &job.name, 0))?;
    }
    Ok(())
}

/// Where a file lies that may not be there yet, whichever way leads to its folder.
fn place(file: &Path) -> PathBuf {
    let file = absolute(file);
    match (file.parent(), file.file_name()) {
        (Some(folder), Some(name)) => canonical(folder).join(name),
        _ => file,
    }
}

/// Refuses a file that is somebody else's, and makes the folders.
fn check_target(args: &PredictArgs, job: &Job) -> anyhow::Result<()> {
    let output = job.output.as_path();
    ensure!(
        args.overwrite || !is_there(output) || volume::made_here(output),
        "{} is there already, and is not as this program wrote it: name another --output, or give --overwrite",
        output.display()
    );
    let probabilities = args.probabilities.as_deref();
    let probabilities = probabilities.map(|folder| of_class(folder, &job.name, 0));
    let beside = [
        Some(output),
        probabilities.as_deref(),
        args.picture.as_deref(),
    ];
    for folder in beside.into_iter().flatten().filter_map(Path::parent) {
        std::fs::create_dir_all(folder)
            .with_context(|| format!("cannot make the folder {}", folder.display()))?;
    }
    Ok(())
}
