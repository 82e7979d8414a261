//! What a call of `predict` reads and writes, checked before the work, so that it is not in vain.

use super::PredictArgs;
use super::probabilities::of_class;
use crate::cli::inputs::Inputs;
use crate::cli::output::{check_picture, try_writing};
use crate::dataset::{DataList, case_name};
use crate::volume;
use anyhow::{Context, bail, ensure};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Pairs of an image and the label map to write.
pub(super) fn jobs(args: &PredictArgs) -> anyhow::Result<Vec<(PathBuf, PathBuf)>> {
    let (input, output) = (args.input.as_path(), args.output.as_path());
    if !input.is_dir() {
        ensure!(input.exists(), "{}: no such file", input.display());
        return Ok(vec![(input.to_owned(), output.to_owned())]);
    }
    ensure!(
        args.picture.is_none(),
        "--picture goes with one image, and {} is a folder",
        input.display()
    );
    let mut targets = BTreeMap::new();
    for image in DataList::volumes_of(input)? {
        let name = image.to_string_lossy();
        let target = output.join(format!("{}.nii.gz", case_name(&name)));
        if let Some(other) = targets.insert(target, image.clone()) {
            bail!(
                "{} and {} would both become {}.nii.gz: rename one",
                other.display(),
                image.display(),
                case_name(&name)
            );
        }
    }
    Ok(targets
        .into_iter()
        .map(|(target, image)| (image, target))
        .collect())
}

/// Refuses label maps and a picture that cannot be written, or would replace what is not this program's; gives the files
/// that the predictions come from.
pub(super) fn check(args: &PredictArgs, jobs: &[(PathBuf, PathBuf)]) -> anyhow::Result<Inputs> {
    let mut inputs = Inputs::default();
    inputs.add(jobs.iter().map(|(input, _)| input));
    inputs.add_network(&args.weights, args.model.config.as_deref());
    let outputs = || jobs.iter().map(|(_, output)| output);
    for output in outputs().chain(&args.picture) {
        inputs.refuse_overwriting(output)?;
    }
    if let Some(picture) = &args.picture {
        check_picture(picture)?;
    }
    outputs().try_for_each(|output| check_target(args, output))?;
    for output in outputs().chain(&args.picture) {
        try_writing(output)?;
    }
    Ok(inputs)
}

/// Refuses to write the probabilities of some classes over an input, or where nothing can be written.
pub(super) fn check_probabilities(
    folder: &Path,
    jobs: &[(PathBuf, PathBuf)],
    classes: usize,
    inputs: &Inputs,
) -> anyhow::Result<()> {
    for (_, output) in jobs {
        (0..classes)
            .try_for_each(|class| inputs.refuse_overwriting(&of_class(folder, output, class)))?;
    }
    if let Some((_, output)) = jobs.first() {
        try_writing(&of_class(folder, output, 0))?;
    }
    Ok(())
}

/// Refuses a name that cannot be written to or is somebody else's, and makes the folders.
fn check_target(args: &PredictArgs, output: &Path) -> anyhow::Result<()> {
    volume::check_name(output)?;
    // An empty file holds a place.
    let there = std::fs::metadata(output).is_ok_and(|file| file.len() > 0);
    ensure!(
        args.overwrite || !there || volume::made_here(output),
        "{} is there already, and is not as this program wrote it: name another --output, or give --overwrite",
        output.display()
    );
    let picture = args.picture.as_deref().and_then(Path::parent);
    for folder in [output.parent(), args.probabilities.as_deref(), picture]
        .into_iter()
        .flatten()
    {
        std::fs::create_dir_all(folder)
            .with_context(|| format!("cannot make the folder {}", folder.display()))?;
    }
    Ok(())
}
