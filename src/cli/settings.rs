//! Settings as flags, over those of a file, over those of a preset.

use crate::cli::args::SettingsSource;
use crate::config::{Preset, StageConfig};
use anyhow::Context;
use clap::parser::ValueSource;
use clap::{ArgMatches, Args, FromArgMatches};
use std::marker::PhantomData;

/// The settings as flags. Clap's own values are never used: a flag counts only where it was given, see [`layered`].
#[derive(Debug, Clone)]
pub(super) struct Settings<C>(PhantomData<C>);

impl<C: StageConfig + Args> Args for Settings<C> {
    fn augment_args(command: clap::Command) -> clap::Command {
        with_defaults::<C>(C::augment_args_for_update(command))
    }
    fn augment_args_for_update(command: clap::Command) -> clap::Command {
        with_defaults::<C>(C::augment_args_for_update(command))
    }
}

impl<C> FromArgMatches for Settings<C> {
    fn from_arg_matches(_: &ArgMatches) -> Result<Self, clap::Error> {
        Ok(Settings(PhantomData))
    }
    fn update_from_arg_matches(&mut self, _: &ArgMatches) -> Result<(), clap::Error> {
        Ok(())
    }
}

/// Leaves a setting that does nothing for a command out of its help: every one but those `shown`. They are told from the
/// command's own flags by their headings.
pub(super) fn unless_shown(arg: clap::Arg, shown: &[&str]) -> clap::Arg {
    let hidden = arg.get_help_heading().is_some() && !shown.contains(&arg.get_id().as_str());
    arg.hide(hidden)
}

/// The flags on the command line that do nothing for its command, by their names: those that its help leaves out.
pub(super) fn idle_flags<'a>(command: &'a clap::Command, flags: &ArgMatches) -> Vec<&'a str> {
    if let Some((name, flags)) = flags.subcommand() {
        let command = command.find_subcommand(name);
        return command.map_or_else(Vec::new, |command| idle_flags(command, flags));
    }
    let hidden = command.get_arguments().filter(|arg| arg.is_hide_set());
    let given = hidden.filter(|arg| is_given(flags, arg.get_id().as_str()));
    given.filter_map(clap::Arg::get_long).collect()
}

/// Whether a flag of the command stands on its command line.
pub(super) fn is_given(flags: &ArgMatches, flag: &str) -> bool {
    flags.value_source(flag) == Some(ValueSource::CommandLine)
}

/// Says in the help of each setting what it is where its flag is not given.
fn with_defaults<C: StageConfig>(command: clap::Command) -> clap::Command {
    let presets: Vec<(&str, toml::Table)> = Preset::ALL
        .into_iter()
        .filter_map(|preset| {
            let table = toml::Table::try_from(preset.settings::<C>().ok()?).ok()?;
            Some((preset.name(), table))
        })
        .collect();
    command.mut_args(|arg| {
        let name = arg.get_id().as_str();
        let values: Vec<(&str, String)> = presets
            .iter()
            .filter_map(|(preset, table)| {
                let value = table.values().find_map(|section| section.get(name))?;
                Some((*preset, shown(value)))
            })
            .collect();
        let Some((_, first)) = values.first() else {
            return arg;
        };
        let defaults = if values.iter().all(|(_, value)| value == first) {
            format!("default: {first}")
        } else {
            let each = |(preset, value): &(&str, String)| format!("{preset}: {value}");
            values.iter().map(each).collect::<Vec<_>>().join(", ")
        };
        let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
        arg.help(format!("{help} [{defaults}]"))
    })
}

/// A setting's value as it is given on the command line.
fn shown(value: &toml::Value) -> String {
    match value {
        toml::Value::String(text) => text.clone(),
        toml::Value::Array(values) => {
            let mut shown: Vec<String> = values.iter().map(self::shown).collect();
            // Three equal sizes are given as one.
            if shown.windows(2).all(|pair| pair[0] == pair[1]) {
                shown.truncate(1);
            }
            shown.join(",")
        }
        other => other.to_string(),
    }
}

/// Changes settings by the flags that were given.
pub(super) fn apply_flags<C: Args>(config: &mut C, flags: &ArgMatches) -> anyhow::Result<()> {
    Ok(config.update_from_arg_matches(flags)?)
}

/// Settings of the preset, changed by the file, changed by the flags; checked. Also the name of the preset.
///
/// Without a named preset it is `fallback`, or else small with a data list and quickstart without one.
pub(super) fn layered<C: StageConfig + Args>(
    source: &SettingsSource,
    flags: &ArgMatches,
    fallback: Option<Preset>,
) -> anyhow::Result<(C, Preset)> {
    layered_with(source, flags, fallback, |_, _| ())
}

/// As [`layered`], completed before they are checked: by what `complete` makes of those that were not given, which it asks
/// by section and name.
pub(super) fn layered_with<C: StageConfig + Args>(
    source: &SettingsSource,
    flags: &ArgMatches,
    fallback: Option<Preset>,
    complete: impl FnOnce(&mut C, &dyn Fn(&str, &str) -> bool),
) -> anyhow::Result<(C, Preset)> {
    // Before the preset is chosen: the file may name the data list.
    let file = match &source.config {
        Some(file) => {
            let place = file.display().to_string();
            let text = std::fs::read_to_string(file)
                .with_context(|| format!("cannot read the settings in {place}"))?;
            Some((text, place))
        }
        None => None,
    };
    let mut given = match &file {
        Some((text, place)) => C::from_toml(text, place)?,
        None => C::default(),
    };
    apply_flags(&mut given, flags)?;
    let preset = match (&source.preset, fallback, &given.data().datalist) {
        (Some(name), _, _) => name.parse()?,
        (None, Some(fallback), _) => fallback,
        (None, None, Some(_)) => Preset::Small,
        (None, None, None) => Preset::Quickstart,
    };
    let mut config: C = preset.settings()?;
    if let Some((text, place)) = &file {
        config = config.overlaid(text, place)?;
        config.unsettle();
    }
    apply_flags(&mut config, flags)?;
    let given = |flag: &str| is_given(flags, flag);
    config.run_mut().prefer_epochs(given);
    let table: Option<toml::Table> = file.and_then(|(text, _)| toml::from_str(&text).ok());
    let in_file = |section: &str, name: &str| {
        let section = table.as_ref().and_then(|table| table.get(section));
        section.is_some_and(|section| section.get(name).is_some())
    };
    let given = |section: &str, name: &str| given(name) || in_file(section, name);
    complete(&mut config, &given);
    config.validate()?;
    config.settle();
    Ok((config, preset))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::PretrainConfig;

    #[test]
    fn a_data_list_asks_for_the_small_preset_wherever_it_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("my.toml");
        let chosen = |flags: &[&str], text: Option<&str>, preset: Option<&str>| {
            std::fs::write(&file, text.unwrap_or_default()).unwrap();
            let command = clap::Command::new("test").no_binary_name(true);
            let command = Settings::<PretrainConfig>::augment_args(command);
            let flags = command.try_get_matches_from(flags.iter().copied());
            let source = SettingsSource {
                preset: preset.map(str::to_owned),
                config: text.is_some().then(|| file.clone()),
            };
            let found = layered::<PretrainConfig>(&source, &flags.unwrap(), None);
            let (config, preset) = found.unwrap();
            let expected = preset.settings::<PretrainConfig>().unwrap();
            assert_eq!(config.network, expected.network);
            preset
        };
        let listed = Some("[data]\ndatalist = \"scans\"\n");
        assert_eq!(chosen(&[], None, None), Preset::Quickstart);
        assert_eq!(chosen(&[], Some(""), None), Preset::Quickstart);
        assert_eq!(chosen(&["--datalist", "scans"], None, None), Preset::Small);
        assert_eq!(chosen(&[], listed, None), Preset::Small);
        assert_eq!(chosen(&[], listed, Some("tutorial")), Preset::Tutorial);
    }

    #[test]
    fn settings_of_flags_and_of_a_file_are_given_and_those_of_a_preset_are_not() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("my.toml");
        std::fs::write(&file, "[network]\nlayers = 3\n").unwrap();
        let command = clap::Command::new("test").no_binary_name(true);
        let command = Settings::<PretrainConfig>::augment_args(command);
        let flags = command.try_get_matches_from(["--heads", "2"]).unwrap();
        let source = SettingsSource {
            preset: Some("small".to_owned()),
            config: Some(file),
        };
        let complete = |config: &mut PretrainConfig, given: &dyn Fn(&str, &str) -> bool| {
            assert!(given("network", "layers") && given("network", "heads"));
            assert!(!given("network", "hidden_size") && !given("sampling", "roi_size"));
            config.network.hidden_size = 12;
        };
        let (config, _) = layered_with(&source, &flags, None, complete).unwrap();
        assert_eq!(config.network.hidden_size, 12);
        // What was made of them is checked.
        let complete = |config: &mut PretrainConfig, _: &dyn Fn(&str, &str) -> bool| {
            config.network.hidden_size = 13;
        };
        assert!(layered_with(&source, &flags, None, complete).is_err());
    }
}
