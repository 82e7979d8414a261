//! The runs of an experiment, each brought to its end once.

use crate::cli::args::ModelSettings;
use crate::cli::cases::same_cases;
use crate::cli::evaluate::{Predictions, Scorer, scored};
use crate::cli::experiment::folder::RUNS;
use crate::cli::experiment::scored::Begun;
use crate::cli::experiment::trial::Trial;
use crate::cli::finetune::Finetune;
use crate::cli::loaded::same_start;
use crate::cli::model::{Predictor, model};
use crate::cli::output::say;
use crate::cli::pretrain::Pretrain;
use crate::cli::progress::{Job, Progress};
use crate::cli::resumed::{check_begun, check_finished, make_absolute};
use crate::cli::run_folder::{SUMMARY_FILE, reopen};
use crate::cli::training::{Place, Training, carry_out};
use crate::cli::windows::Grid;
use crate::config::{ExperimentPlan, PretrainConfig, StageConfig};
use crate::dataset::{Case, case_names, class_names, image_names};
use crate::device::{Selected, give_back};
use crate::infer::SlidingWindow;
use crate::metric::SurfaceOptions;
use crate::platform::Instant;
use crate::report::json::write_json;
use crate::report::metrics::{self, METRICS_FILE};
use crate::report::scores::Evaluation;
use crate::train::{Control, layout};
use anyhow::{Context, ensure};
use serde::Deserialize;
use std::path::{Path, PathBuf};

/// The scores of a run's test cases; a run that has them is finished.
const TEST_FILE: &str = "test.json";

/// What a run's summary says of it.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Finished {
    complete: bool,
    pub device: String,
    pub parameters: usize,
    pub steps: u64,
    pub best_step: u64,
    pub seconds: f64,
    pub training_volumes: usize,
    /// Of fine-tuning.
    pub best_validation_dice: Option<f64>,
    /// Of pre-training.
    pub best_validation_l1: Option<f64>,
}

/// A run at its end.
#[derive(Debug, Clone)]
pub(super) struct Ended {
    pub finished: Finished,
    /// Validation Dice by step, of fine-tuning.
    pub curve: Vec<(f64, f64)>,
    /// Scores of the test cases, of fine-tuning.
    pub test: Option<Evaluation>,
}

/// Carries out the runs and counts them.
pub(super) struct Runner<'a> {
    out: &'a Path,
    selected: &'a Selected,
    control: &'a Control,
    /// Runs in all, and of fine-tuning.
    total: usize,
    trials: usize,
    begun: usize,
    tuned: usize,
    /// Seconds of the fine-tuning runs that this sitting saw whole.
    seconds: Vec<f64>,
}

impl<'a> Runner<'a> {
    pub(super) fn new(
        out: &'a Path,
        selected: &'a Selected,
        control: &'a Control,
        before: usize,
        trials: usize,
    ) -> Self {
        Runner {
            out,
            selected,
            control,
            total: before + trials,
            trials,
            begun: 0,
            tuned: 0,
            seconds: Vec::new(),
        }
    }

    /// The folder of a run by its name.
    pub(super) fn folder(&self, name: &str) -> PathBuf {
        self.out.join(RUNS).join(name)
    }

    /// A pre-training run; none when stopped.
    pub(super) fn pretrain(
        &mut self,
        name: &str,
        config: PretrainConfig,
    ) -> anyhow::Result<Option<Ended>> {
        self.begun += 1;
        let label = format!("run {} of {}", self.begun, self.total);
        say(&format!("{label}: {name}"));
        let folder = self.folder(name);
        // How long fine-tuning takes is not known yet.
        let job = Job {
            label,
            following: None,
        };
        let finished = self.bring_to_end::<Pretrain>(&folder, config, None, job)?;
        Ok(finished.map(|finished| Ended {
            finished,
            curve: Vec::new(),
            test: None,
        }))
    }

    /// A fine-tuning run and the scores of its test cases; none when stopped.
    pub(super) fn finetune(
        &mut self,
        trial: &Trial,
        plan: &ExperimentPlan,
        start: Option<PathBuf>,
    ) -> anyhow::Result<Option<Ended>> {
        self.begun += 1;
        self.tuned += 1;
        let label = format!("run {} of {}", self.begun, self.total);
        say(&format!("{label}: {}", trial.title()));
        let folder = self.folder(&trial.folder());
        let known = self.seconds.len() as f64;
        let job = Job {
            label,
            following: Some((
                self.trials - self.tuned,
                (known > 0.0).then(|| self.seconds.iter().sum::<f64>() / known),
            )),
        };
        let config = trial.config(plan, start.clone());
        let (started, whole) = (Instant::now(), !folder.exists());
        let ended = self.bring_to_end::<Finetune>(&folder, config, start.as_deref(), job)?;
        let Some(finished) = ended else {
            return Ok(None);
        };
        let Some(test) = self.test(&folder, trial, plan)? else {
            return Ok(None);
        };
        // Preparing and scoring count too: of runs that ended in another sitting nobody knows how long these took.
        if whole {
            self.seconds.push(started.elapsed().as_secs_f64());
        }
        let records = metrics::read(&folder.join(METRICS_FILE))?;
        Ok(Some(Ended {
            finished,
            curve: metrics::series(&records, "val/dice"),
            test: Some(test),
        }))
    }

    /// A run from where it is: finished, begun, or not begun. It starts from the weights under the path `start`.
    fn bring_to_end<C: Training>(
        &self,
        folder: &Path,
        mut config: C::Config,
        start: Option<&Path>,
        job: Job,
    ) -> anyhow::Result<Option<Finished>> {
        // The run before may have been of a network of other sizes.
        give_back(&self.selected.device);
        config.settle();
        make_absolute(&mut config)?;
        let list = C::list(&mut config)?;
        let same_weights = || start.map_or(Ok(()), |start| same_start(folder, start));
        if let Some(finished) = finished(folder)? {
            check_finished(folder, &config)?;
            same_weights()?;
            if let Some(list) = &list {
                same_cases(folder, list, C::LABELLED)?;
            }
            return Ok(Some(finished));
        }
        let place = match layout::newest(folder).is_some() {
            true => {
                let (lock, checkpoint) = reopen::<C::Config>(folder)?;
                check_begun(folder, &checkpoint.manifest.config, &config)?;
                same_weights()?;
                Place::Old(folder, lock, Box::new(checkpoint))
            }
            false => {
                // What a run that was killed before its first checkpoint left cannot be gone on with.
                if folder.exists() {
                    std::fs::remove_dir_all(folder)
                        .with_context(|| format!("cannot clear {}", folder.display()))?;
                }
                Place::New(Some(folder))
            }
        };
        carry_out::<C>(
            (config, list),
            "experiment",
            place,
            self.selected,
            &mut Progress::within(job),
            self.control,
        )?;
        finished(folder)
    }

    /// The scores of the test cases, computed once and then read.
    fn test(
        &self,
        folder: &Path,
        trial: &Trial,
        plan: &ExperimentPlan,
    ) -> anyhow::Result<Option<Evaluation>> {
        let file = folder.join(TEST_FILE);
        let list = trial.data_list(&plan.data.root)?;
        if let Ok(text) = std::fs::read_to_string(&file) {
            let mut found: Evaluation = serde_json::from_str(&text)
                .with_context(|| format!("{} does not hold scores", file.display()))?;
            let names = case_names(&list.test);
            let scored = || found.cases.iter().map(|case| &case.case);
            // Older programs named a case by its image alone.
            ensure!(
                scored().eq(&names) || scored().eq(&image_names(&list.test)),
                "the scores in {} are of other test cases than {} lists now: put the list back, or choose another --out",
                file.display(),
                trial.list.display()
            );
            for (case, name) in found.cases.iter_mut().zip(names) {
                case.case = name;
            }
            return Ok(Some(found));
        }
        let model = model(folder, &ModelSettings::default(), &self.selected.device)?;
        let predictor = Predictor {
            windows: SlidingWindow {
                overlap: plan.scoring.overlap,
                mirror: plan.scoring.mirror,
                ..SlidingWindow::predicting(model.config.crops.roi_size)
            },
            model,
            device: self.selected.device.clone(),
        };
        let classes = predictor.model.network.classes();
        let source = Predictions::Network(Box::new(predictor), Grid::Input);
        let surfaces = SurfaceOptions {
            tolerance_mm: plan.scoring.tolerance,
        };
        let mut begun = Begun::within(folder, plan.scoring, classes, case_names(&list.test));
        say(&match begun.done() {
            0 => format!("scoring {} test cases", list.test.len()),
            done => format!(
                "scoring {} test cases, behind {done} that are scored",
                list.test.len() - done
            ),
        });
        let mut scorer = Scorer::new(&source, classes, surfaces, self.control);
        let score = |case: &Case, name: &str| begun.next(|| scorer.score(case, name));
        let scores = scored(&list.test, self.control, score, |_, error| Err(error))?;
        if scores.len() < list.test.len() {
            return Ok(None);
        }
        let names = class_names(&list.classes, classes);
        let found = Evaluation::new(names, Some(surfaces.tolerance_mm), scores)?;
        write_json(&file, &found)?;
        begun.remove();
        Ok(Some(found))
    }
}

/// The summary of a run that did all its steps.
fn finished(folder: &Path) -> anyhow::Result<Option<Finished>> {
    let file = folder.join(SUMMARY_FILE);
    let Ok(text) = std::fs::read_to_string(&file) else {
        return Ok(None);
    };
    let found: Finished = serde_json::from_str(&text)
        .with_context(|| format!("{} is not the summary of a run", file.display()))?;
    Ok(found.complete.then_some(found))
}
