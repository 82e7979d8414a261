//! `phantom`: synthetic cases as files.

use crate::cli::output::{count, say};
use crate::config::check::MOST_PHANTOMS;
use crate::config::{FinetuneConfig, Preset, PretrainConfig, RunConfig};
use crate::dataset::phantom::{ORGAN_NAMES, PhantomSpec, RunSeeds, abdomen};
use crate::dataset::{Case, DataList, LIST_FILE};
use crate::platform;
use crate::volume::{self, Datatype};
use anyhow::{Context, ensure};
use clap::Args;
use rayon::prelude::*;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

#[derive(Debug, Args)]
pub(super) struct PhantomArgs {
    /// Folder to write to: images/, labels/ and dataset.json; the same cases are replaced, and a folder with others is refused
    #[arg(long, value_name = "DIR", default_value = "phantoms")]
    out: PathBuf,
    /// How many cases
    #[arg(long, value_name = "N", default_value_t = 4)]
    cases: u64,
    /// Seed of the first case; the others count on. Trainings on phantoms count theirs from 123 on where they are given no --seed: with --small those are the same scans, else of the same patients
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// Make small cases of 4 mm voxels, as the quickstart trains on
    #[arg(long)]
    small: bool,
}

/// Where images and label maps go, in the folder of the list.
const FOLDERS: [&str; 2] = ["images", "labels"];
/// What the list says of itself.
const NAME: &str = "Hounsfield phantoms";
const DESCRIPTION: &str = "Synthetic abdominal CT in HU with 13 organs; no patient's data";

pub(super) fn run(args: &PhantomArgs) -> anyhow::Result<ExitCode> {
    ensure!(args.cases > 0, "--cases is 0: ask for at least 1");
    ensure!(
        usize::try_from(args.cases).is_ok_and(|cases| cases <= MOST_PHANTOMS),
        "--cases is {}: ask for {MOST_PHANTOMS} at most, and for more with another --seed and --out",
        args.cases
    );
    let spec = if args.small {
        PhantomSpec::quickstart()
    } else {
        PhantomSpec::default()
    };
    let path = args.out.join(LIST_FILE);
    if let Ok(text) = std::fs::read(&path) {
        let ours = serde_json::from_slice::<serde_json::Value>(&text);
        ensure!(
            ours.is_ok_and(|list| list["name"] == NAME),
            "{} is of another data set: choose another --out",
            path.display()
        );
    }
    for folder in FOLDERS {
        refuse_other_cases(&args.out.join(folder), args)?;
    }
    let seen = seen_in_training(args)?;
    if let [first, ..] = &seen[..] {
        log::warn!(
            "phantoms that a training without a --seed of its own sees too: {}, such as {}; its scores on them would be too \
             good: give another --seed here",
            seen.len(),
            file_name(*first)
        );
    }
    for folder in FOLDERS {
        let path = args.out.join(folder);
        std::fs::create_dir_all(&path)
            .with_context(|| format!("cannot make {}", path.display()))?;
    }
    let names: Vec<String> = (0..args.cases)
        .into_par_iter()
        .map(|case| -> anyhow::Result<String> {
            let seed = args.seed.wrapping_add(case);
            let name = file_name(seed);
            let phantom = abdomen(seed, &spec)?;
            let write = |folder: &str, volume, datatype| {
                volume::write(&args.out.join(folder).join(&name), volume, datatype)
            };
            write("images", &phantom.image, Datatype::I16)?;
            write("labels", &phantom.label, Datatype::U8)?;
            Ok(name)
        })
        .collect::<anyhow::Result<_>>()?;
    // At least one case to train on, about a fifth to validate on.
    let held_out = (names.len() / 5).max(usize::from(names.len() > 1));
    let (training, validation) = names.split_at(names.len() - held_out);
    let cases = |names: &[String]| -> Vec<Case> {
        names
            .iter()
            .map(|name| Case {
                image: format!("images/{name}").into(),
                label: Some(format!("labels/{name}").into()),
            })
            .collect()
    };
    let list = DataList {
        training: cases(training),
        validation: cases(validation),
        classes: ORGAN_NAMES.map(str::to_owned).to_vec(),
        modality: Some("CT".to_owned()),
        ..DataList::default()
    };
    let about = [("name", NAME), ("description", DESCRIPTION)];
    platform::write_atomic(&path, list.to_json(&about).as_bytes())?;
    say(&format!(
        "wrote {} and {}",
        count(names.len(), "case"),
        path.display()
    ));
    Ok(ExitCode::SUCCESS)
}

fn file_name(seed: u64) -> String {
    format!("phantom_{seed:04}.nii.gz")
}

/// The seeds of a call that a training on as many phantoms as any preset has uses too, for training or validation, where
/// its own seed is that of the presets.
fn seen_in_training(args: &PhantomArgs) -> anyhow::Result<Vec<u64>> {
    let mut most = 0;
    for preset in Preset::ALL {
        let before: PretrainConfig = preset.settings()?;
        let after: FinetuneConfig = preset.settings()?;
        most = most.max(before.data.phantoms).max(after.data.phantoms);
    }
    let seeds = RunSeeds::of(RunConfig::default().seed, most);
    let seeds = seeds.training.into_iter().chain(seeds.validation);
    let made = |seed: &u64| seed.wrapping_sub(args.seed) < args.cases;
    Ok(seeds.filter(made).collect())
}

/// Refuses a folder with cases that this call does not write anew: the new list would leave them out.
fn refuse_other_cases(folder: &Path, args: &PhantomArgs) -> anyhow::Result<()> {
    // Whatever else stands in the way is said where the folder is made.
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Ok(());
    };
    for entry in entries {
        let name = entry
            .with_context(|| format!("cannot look into {}", folder.display()))?
            .file_name();
        let name = name.to_string_lossy();
        ensure!(
            name.starts_with('.') || is_written(&name, args),
            "{} is there already, and is none of the cases that are made now: choose another --out",
            folder.join(&*name).display()
        );
    }
    Ok(())
}

/// Whether a call writes a file of this name.
fn is_written(name: &str, args: &PhantomArgs) -> bool {
    let seed = name
        .strip_prefix("phantom_")
        .and_then(|rest| rest.strip_suffix(".nii.gz"))
        .and_then(|seed| seed.parse::<u64>().ok());
    seed.is_some_and(|seed| seed.wrapping_sub(args.seed) < args.cases && file_name(seed) == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cases_of_patients_that_a_training_sees_by_default_are_found() {
        let default = RunConfig::default().seed;
        let validation = RunSeeds::of(default, 1).validation[0];
        for (seed, cases, found) in [
            (default, 4, 4),
            (0, default, 0),
            (0, default + 1, 1),
            // As many as the quick start trains on.
            (default + 23, 9, 1),
            (default + 24, 2000, 0),
            (validation, 1, 1),
            (u64::MAX, 2 + default, 1),
        ] {
            let args = PhantomArgs {
                out: PathBuf::new(),
                cases,
                seed,
                small: true,
            };
            let seen = seen_in_training(&args).unwrap();
            assert_eq!(seen.len(), found, "{cases} cases from {seed}: {seen:?}");
        }
    }

    #[test]
    fn the_help_of_the_seed_names_the_one_of_trainings() {
        let command = PhantomArgs::augment_args(clap::Command::new("phantom"));
        let mut arguments = command.get_arguments();
        let seed = arguments.find(|argument| argument.get_id() == "seed");
        let help = seed.and_then(|seed| seed.get_help()).unwrap().to_string();
        let default = RunConfig::default().seed;
        assert!(help.contains(&format!("from {default} on")), "{help}");
    }
}
