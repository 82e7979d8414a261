//! `finetune`: a new run, or one that goes on.

use crate::cli::args::RunArgs;
use crate::cli::classes::named_classes;
use crate::cli::data::{data_list, labelled_sources, settle_intensity};
use crate::cli::idle::of_finetuning;
use crate::cli::model::starting_weights;
use crate::cli::output::{one_line, quoted, say};
use crate::cli::recorder::StageReport;
use crate::cli::run_folder::{EXPERIMENT, LOADED_FILE, preset_of};
use crate::cli::settings::Settings;
use crate::cli::summary::{RunSummary, Scores, scores};
use crate::cli::trained::start_sizes;
use crate::cli::training::{self, Prepared, Training};
use crate::config::{FinetuneConfig, Learned};
use crate::dataset::{DataList, DatasetError};
use crate::nn::Architecture;
use crate::report::curves::{Best, Panel};
use crate::report::json::write_json;
use crate::report::metrics::Record;
use crate::train::{Control, Finetuning, Outcome};
use crate::transform::{LabelError, TransformError};
use crate::weights::Values;
use anyhow::ensure;
use clap::{ArgMatches, Args};
use std::path::Path;
use std::process::ExitCode;

// Whole volumes, the same every time, are all that fine-tuning validates on.
#[derive(Debug, Args)]
#[command(mut_arg("validation", |arg| arg.hide(true)))]
pub(super) struct FinetuneArgs {
    #[command(flatten)]
    run: RunArgs,
    #[command(flatten)]
    settings: Settings<FinetuneConfig>,
}

pub(super) fn run(args: &FinetuneArgs, flags: &ArgMatches) -> anyhow::Result<ExitCode> {
    training::run::<Finetune>(&args.run, flags)
}

pub(super) struct Finetune;

impl Training for Finetune {
    type Task = Finetuning;
    type Config = FinetuneConfig;

    const REPORT: StageReport = StageReport {
        title: "Fine-tuning",
        by_epoch: false,
        picture: "prediction",
        panels: |series| {
            let panel =
                |title: &str, name: &str, best| Panel::single(title, "step", &series(name), best);
            vec![
                panel("Training loss, total", "train/total", None),
                panel(
                    "Validation Dice, foreground",
                    "val/dice",
                    Some(Best::Highest),
                ),
                panel("Training loss, Dice", "train/dice", None),
                panel("Training loss, cross-entropy", "train/cross_entropy", None),
            ]
        },
    };
    const WEIGHTS: &'static str = "model";
    const LABELLED: bool = true;

    fn complete(config: &mut FinetuneConfig, given: &dyn Fn(&str, &str) -> bool) {
        let start = config.start.pretrained.clone();
        // A U-Net is refused with weights to start from.
        let start = start.filter(|_| config.decoder.architecture == Architecture::Unetr);
        let Some((sizes, path)) = start.and_then(|path| Some((start_sizes(&path)?, path))) else {
            return;
        };
        let taken = config.take_sizes(&sizes, given);
        if !taken.is_empty() {
            say(&format!(
                "sizes that nobody gave are those of {}: {}",
                path.display(),
                taken.join(" ")
            ));
        }
    }

    fn idle(config: &FinetuneConfig, given: &dyn Fn(&str) -> bool) -> Vec<String> {
        of_finetuning(config, given)
    }

    fn list(config: &mut FinetuneConfig) -> anyhow::Result<Option<DataList>> {
        let list = data_list(&config.data, Self::LABELLED)?;
        settle_intensity(&mut config.crops.intensity, list.as_ref())?;
        let named = list.as_ref().map_or(0, |list| list.classes.len());
        if config.decoder.classes.is_none() && (named > 0 || list.is_none()) {
            config.decoder.classes = Some(match named {
                0 => config.unetr().classes,
                named => named,
            });
        }
        ensure!(
            config.decoder.classes.is_some(),
            "neither a split file nor a folder's dataset.json names the classes (its key \"labels\"): give --classes, background included"
        );
        Ok(list)
    }

    fn prepare(
        config: FinetuneConfig,
        list: Option<DataList>,
        folder: &Path,
        fresh: bool,
        control: &Control,
    ) -> anyhow::Result<Prepared<Finetuning>> {
        if let (Some(list), true) = (&list, fresh) {
            if let Some(why) = config.sides_notice(&list.classes) {
                log::warn!("{why}: give --flip-probability 0 --rotate-probability 0");
            }
            let contrary = [
                config.contrary_intensity(list),
                config.surplus_classes(list),
            ];
            for why in contrary.into_iter().flatten() {
                log::warn!("{why}");
            }
        }
        let mut start = Values::new();
        if let (Some(path), true) = (&config.start.pretrained, fresh) {
            let (values, loaded) = starting_weights(path, &config)?;
            say(&loaded.report.to_string());
            write_json(&folder.join(LOADED_FILE), &loaded)?;
            start = values;
        } else if fresh {
            // The plan of an experiment says which run starts from what.
            let planned = preset_of(folder).is_some_and(|preset| preset == EXPERIMENT);
            let other = match config.decoder.architecture {
                Architecture::Unetr if !planned => {
                    "; --pretrained RUN starts from a pre-trained encoder"
                }
                _ => "",
            };
            say(&format!("starts from random weights{other}"));
        }
        let classes = named_classes(list.as_ref().map(|list| &list.classes[..]), &config);
        let learned = Learned {
            classes: classes.clone(),
            modality: list.as_ref().and_then(|list| list.modality.clone()),
        };
        let origin = list
            .as_ref()
            .and_then(|list| config.origin_of_classes(list));
        let sources = labelled_sources(&config, list, folder, control)
            .map_err(|error| with_origin(error, origin.as_deref()))?;
        Ok(Prepared {
            training_volumes: sources.training.len(),
            validation_volumes: sources.validation.len(),
            classes,
            task: Finetuning::new(config, sources.training, sources.validation, start)?
                .with_learned(learned),
        })
    }

    fn scores(records: &[Record], summary: &Outcome) -> Scores {
        scores(records, summary, "val/dice", "validation_dice")
    }

    fn tell(report: &RunSummary) {
        let value = |name: &str| report.scores.get(name).copied().flatten();
        if let (Some(last), Some(best)) =
            (value("last_validation_dice"), value("best_validation_dice"))
        {
            say(&format!(
                "validation Dice, foreground: {last:.4} at last, {best:.4} at best (step {})",
                report.best_step
            ));
            say(
                "that is on the network's grid with training's windows; hounsfield evaluate scores scans on their own voxels",
            );
            say(&format!(
                "look at {0}/prediction.png and {0}/curves.png; segment with: hounsfield predict --weights {1} --input SCAN.nii.gz --output LABELS.nii.gz",
                report.folder,
                quoted(&report.folder)
            ));
        }
    }
}

/// Adds where the number of classes comes from to what is said of a label beyond it.
fn with_origin(error: anyhow::Error, origin: Option<&str>) -> anyhow::Error {
    let beyond = holds_label_beyond(error.as_ref());
    match origin.filter(|_| beyond) {
        Some(origin) => {
            let text = format!("{} ({origin})", one_line(&error));
            error.context(text)
        }
        None => error,
    }
}

/// Whether an error, or one of the files that it reports, is a label of no class.
fn holds_label_beyond(error: &(dyn std::error::Error + 'static)) -> bool {
    if let Some(DatasetError::Problems(report)) = error.downcast_ref::<DatasetError>() {
        return (report.problems.iter()).any(|problem| holds_label_beyond(problem));
    }
    let label = matches!(
        error.downcast_ref::<TransformError>(),
        Some(TransformError::Label(LabelError::OutOfRange { .. }))
    );
    label || error.source().is_some_and(holds_label_beyond)
}
