//! Flags that do nothing beside others, told before the work begins. Those that do nothing for a command at all are told at
//! its end.

use crate::cli::settings::is_given;
use crate::cli::training::Training;
use crate::config::{DataConfig, FinetuneConfig, StageConfig};
use crate::nn::Architecture;
use clap::ArgMatches;

/// Warns of flags of a training that do nothing.
pub(super) fn warn_of_idle<C: Training>(config: &C::Config, flags: &ArgMatches) {
    let given = |flag: &str| is_given(flags, flag);
    let of_data = of_data(StageConfig::data(config), &given);
    for notice in of_data.into_iter().chain(C::idle(config, &given)) {
        log::warn!("{notice}");
    }
}

/// What is said of flags of the data.
fn of_data(data: &DataConfig, given: &dyn Fn(&str) -> bool) -> Option<String> {
    match data.datalist {
        Some(_) => told(
            &["phantoms"],
            given,
            "with a --datalist, whose volumes are taken instead",
        ),
        None => told(
            &["cache_memory", "cache_dir"],
            given,
            "for phantoms, which are all kept in memory",
        ),
    }
}

/// What is said of flags of the network and of its start.
pub(super) fn of_finetuning(config: &FinetuneConfig, given: &dyn Fn(&str) -> bool) -> Vec<String> {
    let of_transformer = ["encoder_rate", "hidden_size", "mlp_dim", "layers", "heads"];
    let start = &config.start;
    // Given as false they are not missed.
    let wanted = |flag: &str| match flag {
        "resize_positions" => start.resize_positions && given(flag),
        _ => start.allow_partial && given(flag),
    };
    let of_network = match config.decoder.architecture {
        Architecture::Unet => told(
            &of_transformer,
            given,
            "for a unet, which has no transformer",
        ),
        Architecture::Unetr => None,
    };
    let of_start = match start.pretrained {
        Some(_) => None,
        None => told(
            &["resize_positions", "allow_partial"],
            &wanted,
            "without --pretrained, for no weights are taken",
        ),
    };
    of_network.into_iter().chain(of_start).collect()
}

/// One line on those `flags`, named as their settings, that are `given`; `why` follows what is said of them.
pub(super) fn told(flags: &[&str], given: &dyn Fn(&str) -> bool, why: &str) -> Option<String> {
    let idle: Vec<String> = (flags.iter().copied())
        .filter(|flag| given(flag))
        .map(|flag| format!("--{}", flag.replace('_', "-")))
        .collect();
    let (last, others) = idle.split_last()?;
    Some(match others {
        [] => format!("{last} does nothing {why}: leave it out"),
        others => format!(
            "{} and {last} do nothing {why}: leave them out",
            others.join(", ")
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [&str; 8] = [
        "phantoms",
        "cache_memory",
        "encoder_rate",
        "hidden_size",
        "mlp_dim",
        "heads",
        "resize_positions",
        "allow_partial",
    ];

    #[test]
    fn flags_of_the_data_are_told_where_the_others_are_taken() {
        let mut data = DataConfig::default();
        let given = |flag: &str| ALL.contains(&flag);
        let text = of_data(&data, &given).unwrap();
        assert!(text.starts_with("--cache-memory does nothing"), "{text}");
        data.datalist = Some("list.json".into());
        let text = of_data(&data, &given).unwrap();
        assert!(text.starts_with("--phantoms does nothing"), "{text}");
        assert_eq!(of_data(&data, &|_| false), None);
    }

    #[test]
    fn flags_of_a_transformer_are_told_where_there_is_none() {
        let mut config = FinetuneConfig::default();
        config.start.pretrained = Some("encoder.safetensors".into());
        let given = |flag: &str| ALL.contains(&flag);
        assert!(of_finetuning(&config, &given).is_empty());
        config.decoder.architecture = Architecture::Unet;
        let told = of_finetuning(&config, &given);
        let begins = "--encoder-rate, --hidden-size, --mlp-dim and --heads do nothing";
        assert!(told.len() == 1 && told[0].starts_with(begins), "{told:?}");
    }

    #[test]
    fn how_weights_are_taken_is_told_where_none_are() {
        let mut config = FinetuneConfig::default();
        let given = |flag: &str| ALL.contains(&flag);
        assert!(of_finetuning(&config, &given).is_empty());
        config.start.resize_positions = true;
        let told = of_finetuning(&config, &given);
        let begins = "--resize-positions does nothing without --pretrained";
        assert!(told.len() == 1 && told[0].starts_with(begins), "{told:?}");
        config.start.pretrained = Some("encoder.safetensors".into());
        assert!(of_finetuning(&config, &given).is_empty());
    }
}
