//! Which plan gets into which folder.

use super::*;
use crate::cli::run_folder::RunFolder;
use crate::config::FinetuneConfig;
use std::path::PathBuf;

const PLAN: &str = "name = \"n\"\nsizes = [6]\narms = [\"random\", \"pretrained\"]\nseeds = [1, 2]\n[data]\nroot = \"d\"\n\
    pretrain = \"p.json\"\nfinetune = { 6 = \"f.json\" }\n[pretrain]\npreset = \"small\"\n[finetune]\npreset = \"small\"\n";

/// An experiment's folder and plans for it.
struct Experiment {
    folder: tempfile::TempDir,
}

impl Experiment {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Experiment { folder }
    }

    fn out(&self) -> PathBuf {
        self.folder.path().join("out")
    }

    /// Begins or goes on with a plan of this text.
    fn claimed(&self, text: &str) -> Result<(), String> {
        let plan = self.folder.path().join("plan.toml");
        std::fs::write(&plan, text).unwrap();
        let claimed = claim(&self.out(), &plan);
        claimed.map(drop).map_err(|error| error.to_string())
    }

    fn begin(&self, run: &str) {
        let checkpoint = self.out().join(RUNS).join(run).join("checkpoints/last");
        std::fs::create_dir_all(checkpoint).unwrap();
    }

    fn copy(&self) -> String {
        read(&self.out().join(PLAN_FILE)).unwrap()
    }
}

#[test]
fn a_plan_can_be_mended_until_a_run_of_it_has_got_somewhere() {
    let experiment = Experiment::new();
    experiment.claimed(PLAN).unwrap();
    let other = PLAN.replace("[1, 2]", "[1, 3]");
    experiment.claimed(&other).unwrap();
    assert_eq!(experiment.copy(), other);
    // Prepared scans are no result.
    std::fs::create_dir_all(experiment.out().join(RUNS).join("cache")).unwrap();
    experiment.claimed(PLAN).unwrap();
    experiment.begin("006-random-seed1");
    experiment.claimed(PLAN).unwrap();
    let refused = experiment.claimed(&other).unwrap_err();
    assert!(
        refused.contains("differs from that of the experiment"),
        "{refused}"
    );
}

#[test]
fn what_changes_no_run_can_be_mended_still() {
    let experiment = Experiment::new();
    experiment.claimed(PLAN).unwrap();
    experiment.begin("pretrain");
    experiment.begin("006-random-seed1");
    let mended = format!(
        "{}[finetune.run]\ndevice = \"cpu\"\nlog_every = 7\n[pretrain.data]\nworkers = 1\n[bootstrap]\nresamples = 20000\n",
        PLAN.replace("\"n\"", "\"another title\"")
    );
    experiment.claimed(&mended).unwrap();
    assert_eq!(experiment.copy(), mended);
    // Beside it what does change one is named alone.
    let other = PLAN.replace("[1, 2]", "[1, 3]");
    let refused = experiment.claimed(&other).unwrap_err();
    assert!(
        refused.contains("seeds was [1, 2], now [1, 3];"),
        "{refused}"
    );
    assert!(!refused.contains("log_every"), "{refused}");
}

#[test]
fn settings_of_fine_tuning_can_be_mended_until_one_of_its_runs_has_got_somewhere() {
    let experiment = Experiment::new();
    experiment.claimed(PLAN).unwrap();
    experiment.begin("pretrain-seed1");
    let longer = format!("{PLAN}[finetune.run]\nmax_steps = 7\n");
    let scored = format!("{longer}[scoring]\ntolerance = 3.0\n");
    let own = format!("{scored}[arm.pretrained.optimizer]\nencoder_rate = 0.5\n");
    for text in [&longer, &scored, &own] {
        experiment.claimed(text).unwrap();
        assert_eq!(experiment.copy(), *text);
    }
    let otherwise = own.replace("[pretrain]\n", "[pretrain]\nrun = { max_steps = 3 }\n");
    assert!(experiment.claimed(&otherwise).is_err());
    experiment.begin("006-random-seed1");
    assert!(experiment.claimed(&longer).is_err());
    assert_eq!(experiment.copy(), own);
}

#[test]
fn a_plan_that_no_experiment_put_there_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let (own, plan) = (dir.path().join(PLAN_FILE), dir.path().join("short.toml"));
    std::fs::write(&own, PLAN).unwrap();
    std::fs::write(&plan, PLAN.replace("[1, 2]", "[1]")).unwrap();
    for _ in 0..2 {
        assert!(claim(dir.path(), &plan).is_err());
        assert_eq!(read(&own).unwrap(), PLAN);
    }
}

#[test]
fn a_run_and_an_experiment_keep_out_of_each_others_folder() {
    let config = FinetuneConfig::default();
    let run = |out: &Path| RunFolder::create(Some(out), "small", &config);

    let experiment = Experiment::new();
    let mut claimed = run(&experiment.out()).unwrap();
    claimed.keep();
    drop(claimed);
    let refused = experiment.claimed(PLAN).unwrap_err();
    assert!(refused.contains("holds a run"), "{refused}");
    assert!(!experiment.out().join(PLAN_FILE).exists());

    let experiment = Experiment::new();
    experiment.claimed(PLAN).unwrap();
    experiment.begin("006-random-seed1");
    let refused = run(&experiment.out()).unwrap_err().to_string();
    assert!(refused.contains("holds an experiment"), "{refused}");
    // Its own runs live below it.
    run(&experiment.out().join(RUNS).join("006-random-seed2")).unwrap();
    experiment.claimed(PLAN).unwrap();
}
