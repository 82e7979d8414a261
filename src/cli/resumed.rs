//! Settings of a run that goes on, held against those it was started with.

use crate::cli::inputs::canonical;
use crate::cli::settings::apply_flags;
use crate::config::{IntensityMode, StageConfig};
use crate::train::layout::CONFIG_FILE;
use anyhow::{Context, bail};
use clap::{ArgMatches, Args};
use serde::Serialize;
use std::fmt;
use std::path::{Path, PathBuf};

/// What stands for a setting that nobody gave.
const UNSET: &str = "not set";

/// Settings that may change when a run goes on: they do not change what it computes.
const FREE: [&str; 8] = [
    "data.cache_memory",
    "data.cache_dir",
    "data.workers",
    "run.device",
    "run.log_every",
    "run.checkpoint_minutes",
    "run.max_skipped",
    // Memory for time; the bits are the same.
    "run.recompute",
];

/// Whether a setting, with its section, may change while a run is under way.
pub(super) fn is_free(name: &str) -> bool {
    FREE.contains(&name)
}

/// Paths that mean the same wherever the run is gone on with.
pub(super) fn make_absolute(config: &mut impl StageConfig) -> anyhow::Result<()> {
    let data = config.data_mut();
    let paths = [&mut data.datalist, &mut data.data_root, &mut data.cache_dir];
    for path in paths.into_iter().flatten() {
        *path = std::path::absolute(&*path)
            .with_context(|| format!("cannot find {}", path.display()))?;
    }
    Ok(())
}

/// The settings of a run that goes on: those of its checkpoint, except what does not change the result.
pub(super) fn resumed_config<C: StageConfig + Args>(
    folder: &Path,
    saved: &C,
    flags: &ArgMatches,
) -> anyhow::Result<C> {
    let file = folder.join(CONFIG_FILE);
    let mut wanted = match std::fs::read_to_string(&file) {
        Ok(text) => C::from_toml(&text, &file.display().to_string())?,
        Err(_) => saved.clone(),
    };
    apply_flags(&mut wanted, flags)?;
    make_absolute(&mut wanted)?;
    wanted.validate()?;
    check_unchanged(folder, saved, &wanted)?;
    Ok(wanted)
}

/// Settings that say where files lie. What matters of them is which cases they give, which the names of the cases hold.
const PLACES: [&str; 2] = ["data.datalist", "data.data_root"];
/// What a run started from is in its weights by now.
const START: &str = "start.pretrained";

/// Refuses to count a finished run as done when it was made with other settings than are wanted now.
pub(super) fn check_finished<C: StageConfig>(folder: &Path, wanted: &C) -> anyhow::Result<()> {
    let file = folder.join(CONFIG_FILE);
    let text = std::fs::read_to_string(&file)
        .with_context(|| format!("cannot read the settings in {}", file.display()))?;
    let done = C::from_toml(&text, &file.display().to_string())?;
    check_begun(folder, &done, wanted)
}

/// As [`check_finished`], for a run that goes on from a checkpoint with the settings `saved`.
pub(super) fn check_begun<C: StageConfig>(
    folder: &Path,
    saved: &C,
    wanted: &C,
) -> anyhow::Result<()> {
    // Derived settings as they are written out today.
    let mut saved = saved.clone();
    saved.unsettle();
    saved.settle();
    refuse(folder, differences(&saved, wanted)?, |found| {
        let name = found.name.as_str();
        is_free(name) || PLACES.contains(&name) || (name == START && found.is_set())
    })
}

/// Refuses settings that would change what the run in `folder` computes. The same volumes may lie elsewhere by now;
/// `same_cases` guards that they are the same. What an intensity of `auto` means is not known yet, see [`check_intensity`].
fn check_unchanged<C: StageConfig>(folder: &Path, saved: &C, wanted: &C) -> anyhow::Result<()> {
    let listed = |config: &C| config.data().datalist.is_some();
    let moved = listed(saved) && listed(wanted);
    refuse(folder, differences(saved, wanted)?, |found| {
        let name = found.name.as_str();
        is_free(name)
            || (moved && PLACES.contains(&name))
            || (is_intensity(name) && is_auto(&found.new))
            || (name == START && same_place(&found.old, &found.new))
    })
}

/// Refuses another scale of intensities than a run began with, once the list has told what `auto` means.
pub(super) fn check_intensity<C: StageConfig>(
    folder: &Path,
    saved: &C,
    settled: &C,
) -> anyhow::Result<()> {
    refuse(folder, differences(saved, settled)?, |found| {
        !is_intensity(&found.name) || is_auto(&found.old)
    })
}

/// Whether a setting, with its section, says how intensities are scaled.
fn is_intensity(name: &str) -> bool {
    name.ends_with(".intensity")
}

/// Whether that is `auto`, of a setting as TOML.
fn is_auto(setting: &str) -> bool {
    text_of(setting).is_some_and(|text| text == IntensityMode::Auto.to_string())
}

/// Whether two settings as TOML name one file or folder, however each is spelt.
fn same_place(one: &str, other: &str) -> bool {
    let place = |setting: &str| {
        let path = PathBuf::from(text_of(setting)?);
        Some(canonical(&std::path::absolute(&path).unwrap_or(path)))
    };
    place(one).is_some_and(|one| place(other) == Some(one))
}

/// The text that a setting is as TOML.
fn text_of(setting: &str) -> Option<String> {
    let table: toml::Table = toml::from_str(&format!("it = {setting}")).ok()?;
    table.get("it")?.as_str().map(str::to_owned)
}

fn refuse(
    folder: &Path,
    differences: Vec<Difference>,
    free: impl Fn(&Difference) -> bool,
) -> anyhow::Result<()> {
    let differing: Vec<String> = differences
        .iter()
        .filter(|&found| !free(found))
        .map(|found| found.to_string())
        .collect();
    if !differing.is_empty() {
        bail!(
            "the settings differ from those of the run in {}: {}; start a new run, or leave them as they were",
            folder.display(),
            differing.join(", ")
        );
    }
    Ok(())
}

/// A setting that differs.
pub(super) struct Difference {
    /// With its section.
    pub name: String,
    /// As TOML.
    pub old: String,
    pub new: String,
}

impl Difference {
    /// Whether both have a value.
    fn is_set(&self) -> bool {
        self.old != UNSET && self.new != UNSET
    }
}

/// What a setting was and is.
impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} was {}, now {}", self.name, self.old, self.new)
    }
}

/// Settings that differ, by name.
pub(super) fn differences<C: Serialize>(old: &C, new: &C) -> anyhow::Result<Vec<Difference>> {
    fn flatten(prefix: &str, value: &toml::Value, out: &mut Vec<(String, String)>) {
        match value {
            toml::Value::Table(table) => {
                for (key, value) in table {
                    let dot = if prefix.is_empty() { "" } else { "." };
                    flatten(&format!("{prefix}{dot}{key}"), value, out);
                }
            }
            value => out.push((prefix.to_owned(), value.to_string())),
        }
    }
    let list = |config: &C| -> anyhow::Result<Vec<(String, String)>> {
        let mut out = Vec::new();
        flatten("", &toml::Value::try_from(config)?, &mut out);
        Ok(out)
    };
    let (old, new) = (list(old)?, list(new)?);
    let find = |all: &[(String, String)], name: &str| {
        all.iter()
            .find(|(other, _)| other == name)
            .map_or_else(|| UNSET.to_owned(), |(_, value)| value.clone())
    };
    let mut names: Vec<&String> = old.iter().chain(&new).map(|(name, _)| name).collect();
    names.sort();
    names.dedup();
    Ok(names
        .into_iter()
        .map(|name| Difference {
            name: name.clone(),
            old: find(&old, name),
            new: find(&new, name),
        })
        .filter(|found| found.old != found.new)
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::FinetuneConfig;

    fn changed(change: impl Fn(&mut FinetuneConfig)) -> FinetuneConfig {
        let mut config = FinetuneConfig::default();
        config.crops.intensity = IntensityMode::Percentile;
        config.start.pretrained = Some("run".into());
        change(&mut config);
        config
    }

    #[test]
    fn a_start_that_is_spelt_otherwise_is_the_same_and_another_is_refused() {
        let saved = changed(|_| ());
        let checked = |start: Option<PathBuf>| {
            let wanted = changed(|config| config.start.pretrained.clone_from(&start));
            check_unchanged(Path::new("folder"), &saved, &wanted)
        };
        let whole = std::path::absolute("run").unwrap();
        for same in ["run".into(), "./run".into(), "run/".into(), whole] {
            checked(Some(same)).unwrap();
        }
        for other in [None, Some("other".into()), Some("run/run".into())] {
            let text = checked(other).unwrap_err().to_string();
            assert!(text.contains("start.pretrained was \"run\""), "{text}");
        }
    }

    #[test]
    fn an_intensity_of_auto_is_the_same_where_the_list_tells_that_it_means_the_same() {
        let (folder, saved) = (Path::new("folder"), changed(|_| ()));
        let of = |mode| changed(|config| config.crops.intensity = mode);
        check_unchanged(folder, &saved, &of(IntensityMode::Auto)).unwrap();
        assert!(check_unchanged(folder, &saved, &of(IntensityMode::Range)).is_err());
        check_intensity(folder, &saved, &saved).unwrap();
        let refused = check_intensity(folder, &saved, &of(IntensityMode::Range)).unwrap_err();
        let text = refused.to_string();
        let told = "crops.intensity was \"percentile\", now \"range\"";
        assert!(text.contains(told), "{text}");
        // Whatever it meant when the run began, the list told that too.
        check_intensity(folder, &of(IntensityMode::Auto), &saved).unwrap();
    }

    #[test]
    fn a_run_does_not_go_on_with_another_setting_that_changes_what_it_computes() {
        let (folder, saved) = (Path::new("folder"), changed(|_| ()));
        type Change = fn(&mut FinetuneConfig);
        let changes: [(&str, Change); 6] = [
            ("augment.flip_probability", |c| {
                c.augment.flip_probability = 0.75;
            }),
            ("optimizer.weight_decay", |c| {
                c.optimizer.weight_decay = 0.75
            }),
            ("inference.overlap", |c| c.inference.overlap = 0.75),
            ("run.seed", |c| c.run.seed += 1),
            ("crops.roi_size", |c| c.crops.roi_size = [160; 3]),
            ("data.limit", |c| c.data.limit = Some(3)),
        ];
        for (name, change) in changes {
            let refused = check_unchanged(folder, &saved, &changed(change)).unwrap_err();
            let text = refused.to_string();
            assert!(text.contains(&format!("{name} was ")), "{name}: {text}");
        }
        let free = changed(|config| config.run.log_every += 1);
        check_unchanged(folder, &saved, &free).unwrap();
    }
}
