//! What the settings of all stages have in common.

use crate::config::{DataConfig, OptimizerConfig, Preset, RunConfig, SettingsError};
use crate::device::MemoryEstimate;
use crate::optim::Schedule;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt::Debug;

/// Settings of a stage of training.
pub trait StageConfig:
    Clone + Debug + PartialEq + Default + Serialize + DeserializeOwned + 'static
{
    /// The command's name.
    const STAGE: &'static str;

    /// A preset's TOML: what it changes of the defaults.
    fn preset_text(preset: Preset) -> &'static str;

    /// Which volumes.
    fn data(&self) -> &DataConfig;

    /// Which volumes, to change.
    fn data_mut(&mut self) -> &mut DataConfig;

    /// Optimiser and learning rate.
    fn optimizer(&self) -> &OptimizerConfig;

    /// Length of the run, validation, checkpoints.
    fn run(&self) -> &RunConfig;

    /// Length of the run, to change.
    fn run_mut(&mut self) -> &mut RunConfig;

    /// Device memory of a training step, estimated.
    fn memory(&self) -> MemoryEstimate;

    /// Checks every setting before anything is read or made.
    ///
    /// # Errors
    /// The first setting that cannot work, with its allowed range.
    fn validate(&self) -> Result<(), SettingsError>;

    /// Writes derived settings out, so that what a run saves says what was done and not how it was derived.
    fn settle(&mut self) {}

    /// Takes back what [`Self::settle`] wrote, so that it follows when the settings it came from change.
    fn unsettle(&mut self) {}

    /// Steps of the whole run.
    fn total_steps(&self, steps_per_epoch: u64) -> u64 {
        let steps = self
            .run()
            .epochs
            .map_or(u64::MAX, |epochs| epochs.saturating_mul(steps_per_epoch));
        self.run().max_steps.map_or(steps, |most| most.min(steps))
    }

    /// The learning-rate schedule of a run of this many steps.
    fn schedule(&self, total: u64) -> Schedule {
        Schedule {
            base: self.optimizer().learning_rate,
            warmup: self.optimizer().warmup_steps,
            total,
            kind: self.optimizer().schedule,
        }
    }

    /// What is to be said of a warm-up that lasts as long as a run of this many steps.
    fn warmup_notice(&self, total: u64) -> Option<String> {
        let warmup = self.optimizer().warmup_steps;
        (warmup > 0 && warmup >= total).then(|| {
            let highest = self.schedule(total).rate(total.saturating_sub(1));
            format!(
                "the warm-up of {warmup} steps lasts for the whole run of {total}, so the learning rate only rises, to \
                 {highest:.1e}: set warmup_steps lower, or train for more steps"
            )
        })
    }

    /// Reads settings from TOML; what is not there has its default, but for a length in epochs beside one in steps: no
    /// epochs is what a run that counts steps alone has saved. `place` is named in errors.
    ///
    /// # Errors
    /// [`SettingsError::Toml`] for bad syntax, unknown names or values of another type.
    fn from_toml(text: &str, place: &str) -> Result<Self, SettingsError> {
        let mut base = Self::default();
        base.run_mut().epochs = None;
        let mut read = base.overlaid(text, place)?;
        if read.run().epochs.is_none() && read.run().max_steps.is_none() {
            read.run_mut().epochs = Self::default().run().epochs;
        }
        Ok(read)
    }

    /// These settings, changed by what a TOML text holds.
    ///
    /// # Errors
    /// [`SettingsError::Toml`] as [`Self::from_toml`].
    fn overlaid(&self, text: &str, place: &str) -> Result<Self, SettingsError> {
        let bad = |reason: String| SettingsError::Toml {
            place: place.to_owned(),
            reason,
        };
        // The file on its own first: its errors know their line.
        toml::from_str::<Self>(text).map_err(|e| bad(one_line(&e, text)))?;
        let over: toml::Table = toml::from_str(text).map_err(|e| bad(one_line(&e, text)))?;
        self.overlaid_by(over, place)
    }

    /// These settings, changed by what a table holds. What it gives in epochs takes the place of what stands in steps,
    /// where it does not give both.
    ///
    /// # Errors
    /// [`SettingsError::Toml`] for unknown names or values of another type.
    fn overlaid_by(&self, over: toml::Table, place: &str) -> Result<Self, SettingsError> {
        let bad = |error: String| SettingsError::Toml {
            place: place.to_owned(),
            reason: error.trim().replace('\n', " "),
        };
        let mut base = self.clone();
        let run = over.get("run").and_then(toml::Value::as_table);
        base.run_mut()
            .prefer_epochs(|name| run.is_some_and(|run| run.contains_key(name)));
        let mut base = toml::Table::try_from(&base).map_err(|e| bad(e.to_string()))?;
        merge(&mut base, over);
        base.try_into().map_err(|e| bad(e.to_string()))
    }

    /// All settings as TOML.
    ///
    /// # Errors
    /// [`SettingsError::Toml`] never in practice: every field has a TOML form.
    fn to_toml(&self) -> Result<String, SettingsError> {
        toml::to_string_pretty(self).map_err(|e| SettingsError::Toml {
            place: "settings".to_owned(),
            reason: e.to_string(),
        })
    }
}

/// The parser's words in one line, with the line and the text it is about.
pub(super) fn one_line(error: &toml::de::Error, text: &str) -> String {
    let message = error.message().replace('\n', " ");
    let Some(start) = error.span().map(|span| span.start.min(text.len())) else {
        return message;
    };
    let before = text.get(..start).unwrap_or_default();
    let line = before.matches('\n').count();
    let content = text.lines().nth(line).unwrap_or_default().trim();
    format!("line {} ({content}): {message}", line + 1)
}

/// Replaces values of `base` by those of `over`, table by table.
fn merge(base: &mut toml::Table, over: toml::Table) {
    for (key, value) in over {
        match (base.get_mut(&key), value) {
            (Some(toml::Value::Table(base)), toml::Value::Table(over)) => merge(base, over),
            (_, value) => {
                base.insert(key, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{FinetuneConfig, PretrainConfig};

    #[test]
    fn a_saved_length_in_steps_alone_is_read_as_it_was() {
        let mut config = PretrainConfig::default();
        for length in [(None, Some(200)), (Some(3), None), (Some(3), Some(200))] {
            (config.run.epochs, config.run.max_steps) = length;
            let saved = config.to_toml().unwrap();
            assert_eq!(PretrainConfig::from_toml(&saved, "saved").unwrap(), config);
        }
        let defaults = PretrainConfig::from_toml("", "nothing").unwrap();
        assert_eq!(defaults, PretrainConfig::default());
    }

    #[test]
    fn a_run_ends_with_what_comes_first_of_its_epochs_and_its_steps() {
        let mut config = FinetuneConfig::default();
        for (epochs, most, expected) in [
            (Some(2), Some(100), 10),
            (Some(2), Some(7), 7),
            (Some(2), None, 10),
            (None, Some(7), 7),
        ] {
            (config.run.epochs, config.run.max_steps) = (epochs, most);
            assert_eq!(config.total_steps(5), expected);
        }
    }

    #[test]
    fn a_warm_up_as_long_as_the_run_is_told_with_the_rate_it_comes_to() {
        let mut config = FinetuneConfig::default();
        config.optimizer.learning_rate = 1e-3;
        let mut notice = |warmup, total| {
            config.optimizer.warmup_steps = warmup;
            config.warmup_notice(total)
        };
        assert_eq!([notice(0, 3), notice(2, 3)], [None, None]);
        assert!(notice(3, 3).is_some());
        let text = notice(1000, 3).unwrap();
        assert!(text.contains("3.0e-6"), "{text}");
    }
}
