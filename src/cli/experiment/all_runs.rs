//! All runs of an experiment, one after the other.

use crate::cli::data::data_list;
use crate::cli::experiment::came::Came;
use crate::cli::experiment::results::write_curves;
use crate::cli::experiment::runs::{Ended, Runner};
use crate::cli::experiment::seen::pretraining_list;
use crate::cli::experiment::trial::{Trial, pretraining_folder};
use crate::cli::output::{say, take_for_said};
use crate::cli::pretrain::Pretrain;
use crate::cli::training::Training;
use crate::config::{Arm, ExperimentPlan, PretrainConfig, PretrainPlan};
use crate::dataset::DataList;
use crate::device::{self, DeviceChoice, Selected};
use crate::train::Control;
use anyhow::{bail, ensure};
use serde::Serialize;
use std::path::{Path, PathBuf};

/// What came of all runs.
#[derive(Debug, Default)]
pub(super) struct Done {
    /// Runs of pre-training, by their seeds where they have some.
    pub before: Vec<(Option<u64>, Ended)>,
    /// Runs of fine-tuning.
    pub ended: Vec<(Trial, Ended)>,
    pub failed: Vec<Failed>,
}

/// A run that could not be brought to its end.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Failed {
    /// Its folder under `runs/`.
    pub folder: String,
    /// Why, in one line.
    pub reason: String,
}

impl Done {
    /// Notes a run that failed, and says so.
    fn note(&mut self, folder: String, reason: String) {
        say(&format!("{folder} failed: {reason}"));
        self.failed.push(Failed { folder, reason });
    }

    /// All runs there were.
    pub(super) fn count(&self) -> usize {
        self.before.len() + self.ended.len() + self.failed.len()
    }
}

/// The runs of a plan.
pub(super) struct AllRuns<'a> {
    /// It is settled.
    pub plan: &'a ExperimentPlan,
    pub trials: &'a [Trial],
    /// The experiment's folder.
    pub out: &'a Path,
}

impl AllRuns<'_> {
    /// Brings all runs to their end, but for those that fail; none when stopped.
    pub(super) fn carry_out(
        &self,
        selected: &Selected,
        control: &Control,
    ) -> anyhow::Result<Option<Done>> {
        let pretraining = self.pretraining(selected)?;
        let configs = match &pretraining {
            Some((configs, _)) => configs.as_slice(),
            None => &[],
        };
        let mut runner = Runner::new(
            self.out,
            selected,
            control,
            configs.len(),
            self.trials.len(),
        );
        self.say_what_is_done(&runner, configs);
        let is_done = |seed: Option<u64>| runner.is_done(&pretraining_folder(seed), false);
        if let Some((_, config)) = configs.iter().find(|(seed, _)| !is_done(*seed)) {
            // What it cannot learn from is better told before hours of training than after.
            data_list(&config.data, Pretrain::LABELLED)?;
        }
        let mut done = Done::default();
        if let Some((configs, list)) = &pretraining {
            for (seed, config) in configs {
                let name = pretraining_folder(*seed);
                match runner.pretrain(&name, config.clone(), list)? {
                    Came::Ended(ended) => done.before.push((*seed, ended)),
                    // Without it there is nothing to compare.
                    Came::Failed(reason) if seed.is_none() => bail!("{name} failed: {reason}"),
                    Came::Failed(reason) => done.note(name, reason),
                    Came::Stopped => return Ok(None),
                }
            }
        }
        for trial in self.trials {
            let came = match self.start(trial, &runner, &done.failed) {
                Ok(start) => runner.finetune(trial.tuning(self.plan, start)?)?,
                Err(reason) => {
                    runner.begin_tuning(&trial.title());
                    Came::Failed(reason)
                }
            };
            match came {
                Came::Ended(ended) => {
                    done.ended.push((trial.clone(), ended));
                    write_curves(self.out, self.plan, &done.ended)?;
                }
                Came::Failed(reason) => done.note(trial.folder(), reason),
                Came::Stopped => return Ok(None),
            }
        }
        Ok(Some(done))
    }

    /// Of an experiment that goes on: how many runs are at their end.
    fn say_what_is_done(&self, runner: &Runner<'_>, configs: &[(Option<u64>, PretrainConfig)]) {
        let before = configs.iter().map(|(seed, _)| pretraining_folder(*seed));
        let before = before.filter(|name| runner.is_done(name, false)).count();
        let tuned = self.trials.iter().map(Trial::folder);
        let tuned = tuned.filter(|name| runner.is_done(name, true)).count();
        if before + tuned > 0 {
            let all = configs.len() + self.trials.len();
            say(&format!(
                "trained and scored before: {} of {all} runs",
                before + tuned
            ));
        }
    }

    /// The weights that a run starts from, or why it cannot.
    fn start(
        &self,
        trial: &Trial,
        runner: &Runner<'_>,
        failed: &[Failed],
    ) -> Result<Option<PathBuf>, String> {
        match (trial.arm, &self.plan.pretrain) {
            (Arm::Pretrained, Some(PretrainPlan::Weights(path))) => Ok(Some(path.clone())),
            (Arm::Pretrained, Some(PretrainPlan::Run { per_seed, .. })) => {
                let name = pretraining_folder(per_seed.then_some(trial.seed));
                if failed.iter().any(|failed| failed.folder == name) {
                    return Err(format!("{name}, which it starts from, failed"));
                }
                let folder = runner.folder(&name);
                // Where the stages scale intensities in two ways, that was said of the plan.
                take_for_said(&format!("{} learned from intensities", folder.display()));
                Ok(Some(folder))
            }
            _ => Ok(None),
        }
    }

    /// The pre-training runs, one or one for each seed, and their list; none where nothing is pre-trained.
    fn pretraining(&self, selected: &Selected) -> anyhow::Result<Option<Pretraining>> {
        let (Some(PretrainPlan::Run { config, per_seed }), Some(path)) =
            (&self.plan.pretrain, &self.plan.data.pretrain)
        else {
            return Ok(None);
        };
        let tuning = &self.plan.finetune.run;
        ensure!(
            [tuning.device, DeviceChoice::Auto].contains(&config.run.device),
            "pretrain.run.device is {} and finetune.run.device {}: an experiment has one device",
            config.run.device,
            tuning.device
        );
        device::check_precision(selected, config.run.precision)?;
        let mut config = config.as_ref().clone();
        config.data.datalist = Some(path.clone());
        // A folder has no paths that start somewhere.
        config.data.data_root = (!path.is_dir()).then(|| self.plan.data.root.clone());
        let seeds: Vec<Option<u64>> = match per_seed {
            true => self.plan.seeds.iter().copied().map(Some).collect(),
            false => vec![None],
        };
        let with = |seed: Option<u64>| {
            let mut config = config.clone();
            if let Some(seed) = seed.or(self.plan.seeds.first().copied()) {
                config.run.seed = seed;
            }
            (seed, config)
        };
        let list = pretraining_list(self.plan, path)?;
        Ok(Some((seeds.into_iter().map(with).collect(), list)))
    }
}

/// Settings of pre-training runs by their seeds, where they have some, and the list of all of them.
type Pretraining = (Vec<(Option<u64>, PretrainConfig)>, DataList);
