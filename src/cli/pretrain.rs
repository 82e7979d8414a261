//! `pretrain`: a new run, or one that goes on.

use crate::cli::args::RunArgs;
use crate::cli::data::{data_list, image_sources, settle_intensity};
use crate::cli::output::{quoted, say};
use crate::cli::recorder::StageReport;
use crate::cli::settings::Settings;
use crate::cli::summary::{RunSummary, Scores, scores};
use crate::cli::training::{self, Prepared, Training};
use crate::config::{Preset, PretrainConfig};
use crate::dataset::DataList;
use crate::report::curves::{PretrainingSeries, pretraining};
use crate::report::metrics::Record;
use crate::train::{Control, Outcome, Pretraining, Task};
use clap::{ArgMatches, Args};
use std::path::Path;
use std::process::ExitCode;

// Shares of a rate that only fine-tuning has.
#[derive(Debug, Args)]
#[command(
    mut_arg("encoder_rate", |arg| arg.hide(true)),
    mut_arg("head_rate", |arg| arg.hide(true))
)]
pub(super) struct PretrainArgs {
    #[command(flatten)]
    run: RunArgs,
    #[command(flatten)]
    settings: Settings<PretrainConfig>,
}

pub(super) fn run(args: &PretrainArgs, flags: &ArgMatches) -> anyhow::Result<ExitCode> {
    training::run::<Pretrain>(&args.run, flags)
}

pub(super) struct Pretrain;

impl Training for Pretrain {
    type Task = Pretraining;
    type Config = PretrainConfig;

    const REPORT: StageReport = StageReport {
        title: "Pre-training",
        by_epoch: true,
        picture: "reconstruction",
        panels: |series| {
            pretraining(&PretrainingSeries {
                x_label: "epoch",
                total: &series("train/total"),
                validation_l1: &series("val/l1"),
                contrastive: &series("train/contrastive"),
                reconstruction_l1: &series("train/l1"),
            })
        },
    };
    const WEIGHTS: &'static str = "encoder";
    const LABELLED: bool = false;

    fn list(config: &mut PretrainConfig) -> anyhow::Result<Option<DataList>> {
        let list = data_list(&config.data, Self::LABELLED)?;
        settle_intensity(&mut config.sampling.intensity, list.as_ref())?;
        let volumes = (list.as_ref()).map_or(config.data.phantoms, |list| list.training.len());
        if config.contrasts_nothing(volumes) {
            log::warn!(
                "a part of a step holds one crop, so the contrastive term has no other crop to tell it from and is 0: \
                 take more crops a step (--samples-per-volume, or more volumes) or a smaller --accumulation, or \
                 --contrastive-weight 0 for half the work"
            );
        }
        if let Err(error) = config.check_patch_for_unetr() {
            log::warn!("fine-tuning cannot start from this encoder: {error}");
        }
        Ok(list)
    }

    fn prepare(
        config: PretrainConfig,
        list: Option<DataList>,
        folder: &Path,
        fresh: bool,
        control: &Control,
    ) -> anyhow::Result<Prepared<Pretraining>> {
        if let (Some(list), true) = (&list, fresh)
            && let Some(why) = config.contrary_intensity(list)
        {
            log::warn!("{why}");
        }
        let sources = image_sources(&config, list, folder, control)?;
        Ok(Prepared {
            training_volumes: sources.training.len(),
            validation_volumes: sources.validation.len(),
            classes: Vec::new(),
            task: Pretraining::new(config, sources.training, sources.validation)?,
        })
    }

    fn scores(records: &[Record], summary: &Outcome) -> Scores {
        let mut scores = scores(records, summary, "val/l1", "validation_l1");
        let value = |name: &str| scores.get(name).copied().flatten();
        // How much lower the last error is than the first.
        let fall = value("first_validation_l1")
            .zip(value("last_validation_l1"))
            .map(|(first, last)| 100.0 * (1.0 - last / first));
        scores.insert("validation_fall_percent".to_owned(), fall);
        scores
    }

    fn tell(report: &RunSummary) {
        let value = |name: &str| report.scores.get(name).copied().flatten();
        if let (Some(first), Some(last), Some(fall)) = (
            value("first_validation_l1"),
            value("last_validation_l1"),
            value("validation_fall_percent"),
        ) {
            say(&format!(
                "validation L1: {first:.4} at first, {last:.4} at last, {}",
                change(fall)
            ));
            let best = value("best_validation_l1").filter(|best| *best < last);
            let of_best = best.map_or_else(String::new, |best| {
                format!(
                    ", of step {}, which had the lowest: {best:.4}",
                    report.best_step
                )
            });
            say(&format!(
                "look at {0}/reconstruction.png and {0}/curves.png; the encoder is {0}/{1}{of_best}",
                report.folder,
                Pretraining::EXPORT
            ));
            let data = match report.preset.parse::<Preset>() {
                Ok(Preset::Quickstart) => String::new(),
                Ok(preset) => format!("--preset {} --datalist LABELLED ", preset.name()),
                // Of a run from the page, say.
                Err(_) => "--datalist LABELLED ".to_owned(),
            };
            say(&format!(
                "fine-tune from it with: hounsfield finetune {data}--pretrained {}",
                quoted(&report.folder)
            ));
        }
    }
}

/// What a fall by so many percent is in words.
fn change(fall: f64) -> String {
    let percent = fall.abs().round();
    match (percent > 0.0, fall > 0.0) {
        (true, true) => format!("{percent} % lower"),
        (true, false) => format!("{percent} % higher"),
        (false, _) => "about the same".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_that_did_not_fall_is_not_called_lower() {
        let told = [55.9, -3.2, -0.09, 0.3].map(change);
        let expected = [
            "56 % lower",
            "3 % higher",
            "about the same",
            "about the same",
        ];
        assert_eq!(told, expected);
    }
}
