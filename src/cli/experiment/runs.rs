//! The runs of an experiment, each brought to its end once.

use crate::cli::cases::same_cases;
use crate::cli::experiment::came::Came;
use crate::cli::experiment::tested::{TEST_FILE, TestCases};
use crate::cli::finetune::Finetune;
use crate::cli::loaded::same_start;
use crate::cli::output::say;
use crate::cli::pretrain::Pretrain;
use crate::cli::progress::{Job, Progress};
use crate::cli::resumed::{check_begun, check_finished, make_absolute};
use crate::cli::run_folder::{EXPERIMENT, RUNS, SUMMARY_FILE, reopen};
use crate::cli::training::{Place, Training, carry_out};
use crate::config::{FinetuneConfig, PlanScoring, PretrainConfig, StageConfig};
use crate::dataset::DataList;
use crate::device::{Selected, give_back};
use crate::platform::Instant;
use crate::report::metrics::{self, METRICS_FILE};
use crate::report::scores::Evaluation;
use crate::train::{Control, layout};
use anyhow::Context;
use serde::Deserialize;
use std::path::{Path, PathBuf};

/// What a run's summary says of it.
#[derive(Debug, Clone, Deserialize)]
pub(in crate::cli) struct Finished {
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
pub(in crate::cli) struct Ended {
    pub finished: Finished,
    /// Validation Dice by step, of fine-tuning.
    pub curve: Vec<(f64, f64)>,
    /// Scores of the test cases, of fine-tuning.
    pub test: Option<Evaluation>,
}

/// A run of fine-tuning that is wanted, with the scores of its test cases.
#[derive(Debug)]
pub(in crate::cli) struct Tuning {
    /// Its folder under `runs/`.
    pub folder: String,
    /// What a person calls it.
    pub title: String,
    /// Its settings, which name its split file.
    pub config: FinetuneConfig,
    /// The cases in that file.
    pub list: DataList,
    pub scoring: PlanScoring,
}

/// Carries out the runs and counts them.
pub(in crate::cli) struct Runner<'a> {
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
    pub(in crate::cli) fn new(
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

    /// Whether a run is at its end, and its test cases are scored where it is one of fine-tuning.
    pub(super) fn is_done(&self, name: &str, is_tuning: bool) -> bool {
        let folder = self.folder(name);
        let trained = finished(&folder).is_ok_and(|found| found.is_some());
        trained && (!is_tuning || folder.join(TEST_FILE).exists())
    }

    /// A pre-training run on a list.
    pub(super) fn pretrain(
        &mut self,
        name: &str,
        config: PretrainConfig,
        list: &DataList,
    ) -> anyhow::Result<Came<Ended>> {
        // How long fine-tuning takes is not known yet.
        let job = Job {
            label: self.begin(name),
            following: None,
        };
        let folder = self.folder(name);
        let came = self.bring_to_end::<Pretrain>(&folder, config, list, None, job)?;
        came.and_then(|finished| {
            Ok(Came::Ended(Ended {
                finished,
                curve: Vec::new(),
                test: None,
            }))
        })
    }

    /// A fine-tuning run and the scores of its test cases.
    pub(in crate::cli) fn finetune(&mut self, tuning: Tuning) -> anyhow::Result<Came<Ended>> {
        let label = self.begin_tuning(&tuning.title);
        let folder = self.folder(&tuning.folder);
        let known = self.seconds.len() as f64;
        let job = Job {
            label,
            following: Some((
                self.trials - self.tuned,
                (known > 0.0).then(|| self.seconds.iter().sum::<f64>() / known),
            )),
        };
        let (config, list) = (tuning.config, &tuning.list);
        let start = config.start.pretrained.clone();
        let split = config.data.datalist.clone().unwrap_or_default();
        let test = TestCases {
            folder: &folder,
            list,
            split: &split,
            classes: config.unetr().classes,
            scoring: tuning.scoring,
        };
        let (started, whole) = (Instant::now(), !folder.exists());
        let trained =
            self.bring_to_end::<Finetune>(&folder, config, list, start.as_deref(), job)?;
        let came = trained.and_then(|finished| {
            let scores = test.scores(&self.selected.device, self.control)?;
            scores.and_then(|scores| self.ended(&folder, finished, scores))
        })?;
        // Preparing and scoring count too: of runs that ended in another sitting nobody knows how long these took.
        if whole && matches!(came, Came::Ended(_)) {
            self.seconds.push(started.elapsed().as_secs_f64());
        }
        Ok(came)
    }

    /// Counts a run of fine-tuning, also one that has nothing to start from, says so, and gives what it is called.
    pub(super) fn begin_tuning(&mut self, title: &str) -> String {
        self.tuned += 1;
        self.begin(title)
    }

    /// The same for any run.
    fn begin(&mut self, title: &str) -> String {
        self.begun += 1;
        let label = format!("run {} of {}", self.begun, self.total);
        say(&format!("{label}: {title}"));
        label
    }

    /// A run of fine-tuning at its end, with its curve.
    fn ended(
        &self,
        folder: &Path,
        finished: Finished,
        scores: Evaluation,
    ) -> anyhow::Result<Came<Ended>> {
        let records = metrics::read(&folder.join(METRICS_FILE)).map_err(anyhow::Error::from);
        let ended = records.map(|records| Ended {
            finished,
            curve: metrics::series(&records, "val/dice"),
            test: Some(scores),
        });
        Came::of(ended.map(Some), self.control)
    }

    /// A run from where it is: finished, begun, or not begun. Its settings are whole, `list` is what they name, and it
    /// starts from the weights under the path `start`.
    ///
    /// # Errors
    /// A run in the folder that is not the one that is wanted, and what ends the whole experiment.
    fn bring_to_end<C: Training>(
        &self,
        folder: &Path,
        mut config: C::Config,
        list: &DataList,
        start: Option<&Path>,
        job: Job,
    ) -> anyhow::Result<Came<Finished>> {
        // The run before may have been of a network of other sizes.
        give_back(&self.selected.device);
        config.settle();
        make_absolute(&mut config)?;
        let same_data = || -> anyhow::Result<()> {
            start.map_or(Ok(()), |start| same_start(folder, start))?;
            same_cases(folder, list, C::LABELLED)
        };
        if let Some(finished) = finished(folder)? {
            check_finished(folder, &config)?;
            same_data()?;
            return Ok(Came::Ended(finished));
        }
        let place = match layout::newest(folder).map(|_| reopen::<C::Config>(folder)) {
            Some(Ok((lock, checkpoint))) => {
                check_begun(folder, &checkpoint.manifest.config, &config)?;
                same_data()?;
                Place::Old(folder, lock, Box::new(checkpoint))
            }
            // Such as a damaged checkpoint.
            Some(Err(error)) => return Came::of(Err(error), self.control),
            None => {
                // What a run that was killed before its first checkpoint left cannot be gone on with.
                if folder.exists() {
                    std::fs::remove_dir_all(folder)
                        .with_context(|| format!("cannot clear {}", folder.display()))?;
                }
                Place::New(Some(folder))
            }
        };
        let done = C::list(&mut config).and_then(|list| {
            carry_out::<C>(
                (config, list),
                (EXPERIMENT, true),
                place,
                self.selected,
                &mut Progress::within(job),
                self.control,
            )?;
            finished(folder)
        });
        Came::of(done, self.control)
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
