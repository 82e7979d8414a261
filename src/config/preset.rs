//! Named settings, kept as TOML in `presets/`.

use crate::config::{SettingsError, StageConfig};
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

    /// The settings of a stage.
    ///
    /// # Errors
    /// [`SettingsError::Toml`] never in a released program: the presets are part of it and tested.
    pub fn settings<C: StageConfig>(self) -> Result<C, SettingsError> {
        C::from_toml(C::preset_text(self), self.name())
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{FinetuneConfig, PretrainConfig};

    #[test]
    fn every_preset_is_valid_and_survives_its_own_toml() {
        fn holds<C: StageConfig>() {
            for preset in Preset::ALL {
                let config: C = preset.settings().unwrap();
                config.validate().unwrap();
                let text = config.to_toml().unwrap();
                assert_eq!(C::from_toml(&text, "test").unwrap(), config);
            }
        }
        holds::<PretrainConfig>();
        holds::<FinetuneConfig>();
    }

    #[test]
    fn a_preset_of_fine_tuning_takes_the_encoder_of_the_same_preset_of_pre_training() {
        for preset in Preset::ALL {
            let before: PretrainConfig = preset.settings().unwrap();
            let after: FinetuneConfig = preset.settings().unwrap();
            assert_eq!(before.vit(), after.unetr().vit, "{}", preset.name());
            assert_eq!(before.decoder.feature_size, after.decoder.feature_size);
        }
    }

    #[test]
    fn the_tutorial_preset_is_the_original_recipe() {
        let config = Preset::Tutorial.settings::<PretrainConfig>().unwrap();
        assert_eq!(config, PretrainConfig::default());
        assert_eq!(config.sampling.spacing, [2.0; 3]);
        assert_eq!(
            (config.sampling.intensity_min, config.sampling.intensity_max),
            (-57.0, 164.0)
        );
        assert_eq!(config.run.epochs, Some(500));
        assert_eq!(config.optimizer.learning_rate, 1e-4);
        assert_eq!(config.vit(), crate::nn::VitConfig::TUTORIAL);
    }

    #[test]
    fn the_tutorial_preset_of_fine_tuning_does_all_steps_of_the_original() {
        let config = Preset::Tutorial.settings::<FinetuneConfig>().unwrap();
        assert_eq!(config, FinetuneConfig::default());
        assert_eq!(config.total_steps(1), 30_000);
        let changed = config.overlaid("[run]\nseed = 5\n", "my.toml").unwrap();
        assert_eq!(changed.total_steps(1), 30_000);
    }

    #[test]
    fn an_unknown_setting_is_refused_by_its_name() {
        let error = PretrainConfig::from_toml("[run]\nepoch = 3\n", "my.toml").unwrap_err();
        let text = error.to_string();
        assert!(text.contains("my.toml") && text.contains("epoch"), "{text}");
    }

    #[test]
    fn a_file_changes_what_it_names_and_nothing_else() {
        let base = Preset::Small.settings::<PretrainConfig>().unwrap();
        let text = "[run]\nepochs = 7\n[sampling]\nratchet = false\n";
        let changed = base.overlaid(text, "my.toml").unwrap();
        let mut expected = base;
        expected.run.epochs = Some(7);
        expected.sampling.ratchet = false;
        assert_eq!(changed, expected);
    }

    /// What is left out of a file is the preset's.
    #[test]
    fn saved_settings_mean_the_same_over_every_preset() {
        fn hold<C: StageConfig>() {
            for preset in Preset::ALL {
                let config = preset.settings::<C>().unwrap();
                let saved = config.to_toml().unwrap();
                for other in Preset::ALL {
                    let base = other.settings::<C>().unwrap();
                    let again = base.overlaid(&saved, "saved.toml").unwrap();
                    assert_eq!(again, config, "{} over {}", preset.name(), other.name());
                }
            }
        }
        hold::<PretrainConfig>();
        hold::<FinetuneConfig>();
    }

    #[test]
    fn holes_derived_from_the_crop_follow_it_and_chosen_ones_stay() {
        use crate::augment::CorruptionSpec;
        let mut config = Preset::Small.settings::<PretrainConfig>().unwrap();
        config.sampling.ratchet = false;
        config.settle();
        let saved = config.to_toml().unwrap();
        let again = |text: &str| {
            let mut config = PretrainConfig::from_toml(text, "saved.toml").unwrap();
            config.unsettle();
            config.sampling.roi_size = [96; 3];
            config.sampling.ratchet = true;
            config.settle();
            config.corruption()
        };
        assert_eq!(again(&saved), CorruptionSpec::scaled_to([96; 3]));
        let holes = config.corruption().inpaint.holes;
        let chosen = saved.replacen(&format!("holes = {holes}"), "holes = 3", 1);
        assert_eq!(again(&chosen).inpaint.holes, 3);
    }

    #[test]
    fn lengths_in_epochs_take_the_place_of_a_presets_steps() {
        let base = Preset::Small.settings::<FinetuneConfig>().unwrap();
        assert!(base.run.max_steps.is_some() && base.run.validation_steps > 0);
        let changed = |text: &str| base.overlaid(text, "my.toml").unwrap().run;
        let epochs = changed("[run]\nepochs = 300\nvalidation_interval = 5\n");
        assert_eq!((epochs.epochs, epochs.max_steps), (Some(300), None));
        assert_eq!(
            (epochs.validation_interval, epochs.validation_steps),
            (5, 0)
        );
        let both = changed("[run]\nepochs = 300\nmax_steps = 50\n");
        assert_eq!((both.epochs, both.max_steps), (Some(300), Some(50)));
        // What is saved reads back as it was.
        let mut config = base.clone();
        config.run = epochs;
        let saved = config.to_toml().unwrap();
        assert_eq!(
            FinetuneConfig::from_toml(&saved, "saved.toml").unwrap(),
            config
        );
    }
}
