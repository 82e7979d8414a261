//! Named settings, kept as TOML in `presets/`.

use crate::config::{PretrainConfig, SettingsError};
use std::str::FromStr;

/// A named set of settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Preset {
    /// Phantoms and a small network: minutes on two CPU cores.
    Quickstart,
    /// 64^3 crops and a network a laptop trains.
    Small,
    /// The original recipe.
    Tutorial,
}

impl Preset {
    /// All presets, smallest first.
    pub const ALL: [Preset; 3] = [Preset::Quickstart, Preset::Small, Preset::Tutorial];

    /// The name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Preset::Quickstart => "quickstart",
            Preset::Small => "small",
            Preset::Tutorial => "tutorial",
        }
    }

    fn text(self) -> &'static str {
        match self {
            Preset::Quickstart => include_str!("../../presets/quickstart.toml"),
            Preset::Small => include_str!("../../presets/small.toml"),
            Preset::Tutorial => include_str!("../../presets/tutorial.toml"),
        }
    }

    /// The settings of pre-training.
    ///
    /// # Errors
    /// [`SettingsError::Toml`] never in a released program: the presets are part of it and tested.
    pub fn pretrain(self) -> Result<PretrainConfig, SettingsError> {
        PretrainConfig::from_toml(self.text(), self.name())
    }
}

impl FromStr for Preset {
    type Err = SettingsError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Preset::ALL
            .into_iter()
            .find(|preset| preset.name() == text)
            .ok_or_else(|| SettingsError::UnknownPreset(text.to_owned()))
    }
}

impl PretrainConfig {
    /// Reads settings from TOML; what is not there has its default. `place` is named in errors.
    ///
    /// # Errors
    /// [`SettingsError::Toml`] for bad syntax, unknown names or values of another type.
    pub fn from_toml(text: &str, place: &str) -> Result<Self, SettingsError> {
        toml::from_str(text).map_err(|e| SettingsError::Toml {
            place: place.to_owned(),
            reason: one_line(&e, text),
        })
    }

    /// These settings, changed by what a TOML text holds.
    ///
    /// # Errors
    /// [`SettingsError::Toml`] as [`Self::from_toml`].
    pub fn overlaid(&self, text: &str, place: &str) -> Result<Self, SettingsError> {
        let bad = |reason: String| SettingsError::Toml {
            place: place.to_owned(),
            reason,
        };
        // The file on its own first: its errors know their line.
        Self::from_toml(text, place)?;
        let mut base = toml::Table::try_from(self).map_err(|e| bad(e.to_string()))?;
        let over: toml::Table = toml::from_str(text).map_err(|e| bad(one_line(&e, text)))?;
        merge(&mut base, over);
        base.try_into().map_err(|e| bad(e.to_string()))
    }

    /// All settings as TOML.
    ///
    /// # Errors
    /// [`SettingsError::Toml`] never in practice: every field has a TOML form.
    pub fn to_toml(&self) -> Result<String, SettingsError> {
        toml::to_string_pretty(self).map_err(|e| SettingsError::Toml {
            place: "settings".to_owned(),
            reason: e.to_string(),
        })
    }
}

/// The parser's words in one line, with the line and the text it is about.
fn one_line(error: &toml::de::Error, text: &str) -> String {
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

    #[test]
    fn every_preset_is_valid_and_survives_its_own_toml() {
        for preset in Preset::ALL {
            let config = preset.pretrain().unwrap();
            config.validate().unwrap();
            let text = config.to_toml().unwrap();
            assert_eq!(PretrainConfig::from_toml(&text, "test").unwrap(), config);
        }
    }

    #[test]
    fn the_tutorial_preset_is_the_original_recipe() {
        let config = Preset::Tutorial.pretrain().unwrap();
        assert_eq!(config, PretrainConfig::default());
        assert_eq!(config.sampling.spacing, [2.0; 3]);
        assert_eq!(
            (config.sampling.intensity_min, config.sampling.intensity_max),
            (-57.0, 164.0)
        );
        assert_eq!(config.run.epochs, 500);
        assert_eq!(config.optimizer.learning_rate, 1e-4);
        assert_eq!(config.vit(), crate::nn::VitConfig::TUTORIAL);
    }

    #[test]
    fn an_unknown_setting_is_refused_by_its_name() {
        let error = PretrainConfig::from_toml("[run]\nepoch = 3\n", "my.toml").unwrap_err();
        let text = error.to_string();
        assert!(text.contains("my.toml") && text.contains("epoch"), "{text}");
    }

    #[test]
    fn a_file_changes_what_it_names_and_nothing_else() {
        let base = Preset::Small.pretrain().unwrap();
        let text = "[run]\nepochs = 7\n[sampling]\nratchet = false\n";
        let changed = base.overlaid(text, "my.toml").unwrap();
        let mut expected = base;
        expected.run.epochs = 7;
        expected.sampling.ratchet = false;
        assert_eq!(changed, expected);
    }
}
