//! The plan of an experiment: training sizes, ways to start, seeds, and the settings they share.

mod arm;
mod parse;

pub use arm::Arm;

use crate::config::check::{not_negative, share};
use crate::config::{FinetuneConfig, OptimizerConfig, PretrainConfig, SettingsError};
use crate::infer::DEFAULT_OVERLAP;
use crate::metric::{Bootstrap, SurfaceOptions};
use serde::{Deserialize, Serialize, Serializer};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Split files and the folder their paths start from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlanData {
    /// Folder of the split files and of the volumes they name, from the plan's own folder.
    #[serde(default)]
    pub root: PathBuf,
    /// Split file or folder of pre-training, from `root`.
    pub pretrain: Option<PathBuf>,
    /// Split file of each number of training cases, from `root`.
    pub finetune: BTreeMap<String, PathBuf>,
}

/// How the test cases are predicted and scored.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PlanScoring {
    /// Share of a window that the next one covers again.
    pub overlap: f64,
    /// Whether every window is seen mirrored too.
    pub mirror: bool,
    /// Tolerance of the normalised surface Dice in mm.
    pub tolerance: f64,
}

impl Default for PlanScoring {
    /// Those of `evaluate`.
    fn default() -> Self {
        PlanScoring {
            overlap: DEFAULT_OVERLAP,
            mirror: false,
            tolerance: SurfaceOptions::default().tolerance_mm,
        }
    }
}

impl PlanScoring {
    fn check(&self) -> Result<(), SettingsError> {
        share("scoring.overlap", self.overlap)?;
        not_negative([("scoring.tolerance", self.tolerance)])
    }
}

/// Where the pre-trained encoder comes from.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum PretrainPlan {
    /// A weights file or the folder of a run.
    #[serde(serialize_with = "weights_key")]
    Weights(PathBuf),
    /// A run of its own.
    Run {
        /// Its settings, without those that the plan sets.
        #[serde(flatten)]
        config: Box<PretrainConfig>,
        /// Whether every seed has its own run.
        per_seed: bool,
    },
}

/// Given weights under their key in the plan's file.
fn weights_key<S: Serializer>(path: &Path, to: S) -> Result<S::Ok, S::Error> {
    to.collect_map([("weights", path)])
}

/// Optimisers of arms under their keys in the plan's file.
fn arm_keys<S: Serializer>(
    optimizers: &BTreeMap<Arm, OptimizerConfig>,
    to: S,
) -> Result<S::Ok, S::Error> {
    let table = |own| BTreeMap::from([("optimizer", own)]);
    to.collect_map(optimizers.iter().map(|(arm, own)| (arm, table(own))))
}

/// Everything that defines an experiment. It is written with the keys of its file.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ExperimentPlan {
    /// Title of tables and pictures.
    pub name: String,
    /// Numbers of training cases.
    pub sizes: Vec<usize>,
    /// Ways to start, the baseline first.
    pub arms: Vec<Arm>,
    /// Seeds; every size and arm is trained with each.
    pub seeds: Vec<u64>,
    /// Split files.
    pub data: PlanData,
    /// The encoder, where an arm needs one.
    pub pretrain: Option<PretrainPlan>,
    /// Settings of fine-tuning, without those that the plan sets.
    pub finetune: FinetuneConfig,
    /// Optimisers of arms that have their own: a start from random and one from trained weights want other learning
    /// rates, and each should have the one that is best for it on the validation cases.
    #[serde(rename = "arm", serialize_with = "arm_keys")]
    pub optimizers: BTreeMap<Arm, OptimizerConfig>,
    /// How test cases are scored.
    pub scoring: PlanScoring,
    /// How intervals are estimated.
    pub bootstrap: Bootstrap,
}

impl ExperimentPlan {
    /// The optimiser of an arm: its own, or that of `finetune`.
    pub fn optimizer(&self, arm: Arm) -> &OptimizerConfig {
        self.optimizers
            .get(&arm)
            .unwrap_or(&self.finetune.optimizer)
    }

    /// The same with all paths from the folder `plan`, or the data from `root` where it is given.
    #[must_use]
    pub fn located(mut self, plan: &Path, root: Option<&Path>) -> Self {
        let root = match root {
            Some(root) => root.to_owned(),
            None => plan.join(&self.data.root),
        };
        let lists = self.data.finetune.values_mut();
        for list in lists.chain(&mut self.data.pretrain) {
            *list = root.join(&*list);
        }
        let pretrain = match &mut self.pretrain {
            Some(PretrainPlan::Weights(path)) => Some(path),
            Some(PretrainPlan::Run { config, .. }) => config.data.cache_dir.as_mut(),
            None => None,
        };
        let finetune = &mut self.finetune.data.cache_dir;
        for path in pretrain.into_iter().chain(finetune) {
            *path = plan.join(&*path);
        }
        self.data.root = root;
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::experiment::parse::tests::PLAN;

    #[test]
    fn paths_start_from_the_plan_or_from_another_root() {
        let plan = || ExperimentPlan::from_toml(PLAN, "plan.toml").unwrap();
        let here = plan().located(Path::new("/plans"), None);
        assert_eq!(here.data.finetune["6"], Path::new("/plans/d/f.json"));
        let there = plan().located(Path::new("/plans"), Some(Path::new("/data")));
        assert_eq!(
            there.data.pretrain.as_deref(),
            Some(Path::new("/data/p.json"))
        );
        // The folders of prepared scans, too.
        let cache = |section: &str| format!("[{section}.data]\ncache_dir = \"{section}\"\n");
        let text = format!("{PLAN}{}{}", cache("pretrain"), cache("finetune"));
        let plan = ExperimentPlan::from_toml(&text, "plan.toml").unwrap();
        let plan = plan.located(Path::new("/plans"), Some(Path::new("/data")));
        let Some(PretrainPlan::Run { config, .. }) = plan.pretrain else {
            panic!("a run of pre-training is planned");
        };
        let folders = [config.data.cache_dir, plan.finetune.data.cache_dir];
        let expected = ["pretrain", "finetune"].map(|name| Some(Path::new("/plans").join(name)));
        assert_eq!(folders, expected);
    }

    #[test]
    fn a_plan_is_written_with_the_keys_of_its_file() {
        let written = |text: &str| {
            let plan = ExperimentPlan::from_toml(text, "plan.toml").unwrap();
            toml::Value::try_from(&plan).unwrap()
        };
        let own = format!("{PLAN}[arm.pretrained.optimizer]\nencoder_rate = 0.5\n");
        let plan = written(&own);
        assert_eq!(plan["pretrain"]["per_seed"].as_bool(), Some(false));
        assert!(plan["pretrain"]["sampling"]["roi_size"].is_array());
        let optimizer = &plan["arm"]["pretrained"]["optimizer"];
        assert_eq!(optimizer["encoder_rate"].as_float(), Some(0.5));
        let given = PLAN.replacen(
            "[pretrain]\npreset = \"small\"",
            "[pretrain]\nweights = \"w\"",
            1,
        );
        assert_eq!(written(&given)["pretrain"]["weights"].as_str(), Some("w"));
    }
}
