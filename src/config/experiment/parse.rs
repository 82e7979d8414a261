//! The file of a plan, read and checked.

mod check;
mod file;

use super::{Arm, ExperimentPlan, PretrainPlan};
use crate::config::stage::one_line;
use crate::config::{FinetuneConfig, OptimizerConfig, Preset, SettingsError, StageConfig};
use check::check_lists;
use file::{ArmTable, File};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Settings that a plan sets for every run: section, name, and what says it.
const SET_BY_PLAN: [(&str, &str, &str); 5] = [
    ("data", "datalist", "[data]"),
    ("data", "data_root", "[data]"),
    ("run", "seed", "seeds"),
    ("start", "pretrained", "arms and [pretrain]"),
    ("decoder", "architecture", "arms"),
];

impl ExperimentPlan {
    /// Reads a plan. `place` is named in errors.
    ///
    /// # Errors
    /// [`SettingsError::Toml`] names file and key; [`SettingsError`] for settings that cannot work.
    pub fn from_toml(text: &str, place: &str) -> Result<Self, SettingsError> {
        let bad = |reason: String| refused(place, reason);
        let mut file: File = toml::from_str(text).map_err(|e| bad(one_line(&e, text)))?;
        check_lists(&file).map_err(bad)?;
        let pretrain = pretraining(&mut file, place)?;
        let finetune: FinetuneConfig = settings(file.finetune, place, "finetune")?;
        if finetune.data.limit.is_some() {
            return Err(bad(
                "finetune.data.limit is set by sizes: remove it".to_owned()
            ));
        }
        let plan = ExperimentPlan {
            optimizers: own_optimizers(&finetune, &file.arms, file.arm, place)?,
            finetune,
            name: file.name,
            sizes: file.sizes,
            arms: file.arms,
            seeds: file.seeds,
            data: file.data,
            pretrain,
            scoring: file.scoring,
            bootstrap: file.bootstrap,
        };
        plan.check_encoders().map_err(bad)?;
        let mirror = plan.finetune.check_mirror(plan.scoring.mirror);
        mirror.map_err(|e| bad(format!("scoring.mirror: {e}")))?;
        Ok(plan)
    }
}

/// What is wrong with the plan that `place` names.
fn refused(place: &str, reason: String) -> SettingsError {
    SettingsError::Toml {
        place: place.to_owned(),
        reason,
    }
}

/// Where the encoder comes from; none where no arm starts from one. What is wrong in a section that none needs is
/// refused all the same: it may be the arm that is missing.
fn pretraining(file: &mut File, place: &str) -> Result<Option<PretrainPlan>, SettingsError> {
    let table = std::mem::take(&mut file.pretrain);
    let given = !table.is_empty();
    let found = pretrain(table, place)?;
    if !file.arms.contains(&Arm::Pretrained) {
        if given {
            log::warn!("{place}: [pretrain] does nothing, for none of arms is \"pretrained\"");
        }
        return Ok(None);
    }
    if matches!(found, PretrainPlan::Run { .. }) && file.data.pretrain.is_none() {
        let reason = "the arm \"pretrained\" needs data.pretrain (a split file or folder) or pretrain.weights";
        return Err(refused(place, reason.to_owned()));
    }
    Ok(Some(found))
}

/// `[pretrain]`: weights, or a preset with changes and `per_seed`.
fn pretrain(mut table: toml::Table, place: &str) -> Result<PretrainPlan, SettingsError> {
    let bad = |reason: &str| refused(place, reason.to_owned());
    let per_seed = match table.remove("per_seed") {
        None => false,
        Some(toml::Value::Boolean(value)) => {
            if value && table.contains_key("weights") {
                log::warn!(
                    "{place}: per_seed of [pretrain] does nothing beside weights, which all seeds share"
                );
            }
            value
        }
        Some(_) => return Err(bad("pretrain.per_seed is neither true nor false")),
    };
    match table.remove("weights") {
        None => Ok(PretrainPlan::Run {
            config: Box::new(settings(table, place, "pretrain")?),
            per_seed,
        }),
        Some(toml::Value::String(path)) if table.is_empty() => {
            Ok(PretrainPlan::Weights(PathBuf::from(path)))
        }
        Some(toml::Value::String(_)) => Err(bad(
            "[pretrain] holds weights and settings: with weights nothing is pre-trained",
        )),
        Some(_) => Err(bad("pretrain.weights is not a path in quotes")),
    }
}

/// A preset by its name, changed by the rest of the table; checked.
fn settings<C: StageConfig>(
    mut table: toml::Table,
    place: &str,
    section: &str,
) -> Result<C, SettingsError> {
    let bad = |reason: String| refused(place, reason);
    check_sections::<C>(&table, section).map_err(bad)?;
    let base: C = match table.remove("preset") {
        None => C::default(),
        Some(toml::Value::String(name)) => name
            .parse::<Preset>()
            .and_then(Preset::settings)
            .map_err(|e| bad(format!("{section}.preset: {e}")))?,
        Some(_) => return Err(bad(format!("{section}.preset is not a name in quotes"))),
    };
    for (group, name, by) in SET_BY_PLAN {
        if table.get(group).and_then(|group| group.get(name)).is_some() {
            return Err(bad(format!(
                "{section}.{group}.{name} is set by {by} of the plan: remove it"
            )));
        }
    }
    changed(&base, table, format!("{place}, [{section}]"))
}

/// Refuses a key that is no section of the settings, with all that there are: the plan's own, too, which the settings
/// do not know of.
fn check_sections<C: StageConfig>(table: &toml::Table, section: &str) -> Result<(), String> {
    let own = match section {
        "pretrain" => "`preset`, `per_seed`, `weights`",
        _ => "`preset`",
    };
    for key in table.keys().filter(|key| *key != "preset") {
        let alone = toml::Table::from_iter([(key.clone(), toml::Table::new().into())]);
        let message = match alone.try_into::<C>() {
            Ok(_) => continue,
            Err(error) => error.message().to_owned(),
        };
        if message.starts_with("unknown field") {
            let all = message.replace("expected one of ", &format!("expected one of {own}, "));
            return Err(format!("[{section}]: {}", all.replace('\n', " ")));
        }
    }
    Ok(())
}

/// Settings with those of a table over them; checked.
fn changed<C: StageConfig>(base: &C, over: toml::Table, place: String) -> Result<C, SettingsError> {
    let config = base.overlaid_by(over, &place)?;
    config
        .validate()
        .map_err(|e| refused(&place, e.to_string()))?;
    Ok(config)
}

/// The optimisers of fine-tuning, changed by the tables of arms; checked.
fn own_optimizers(
    finetune: &FinetuneConfig,
    arms: &[Arm],
    tables: BTreeMap<Arm, ArmTable>,
    place: &str,
) -> Result<BTreeMap<Arm, OptimizerConfig>, SettingsError> {
    let own = |(arm, table): (Arm, ArmTable)| {
        if !arms.contains(&arm) {
            return Err(refused(
                place,
                format!("arm.{} is not one of arms", arm.key()),
            ));
        }
        let over = toml::Table::from_iter([("optimizer".to_owned(), table.optimizer.into())]);
        let place = format!("{place}, [arm.{}]", arm.key());
        Ok((arm, changed(finetune, over, place)?.optimizer))
    };
    tables.into_iter().map(own).collect()
}

#[cfg(test)]
pub(super) mod tests;
