//! A run that is killed and resumed ends with the weights of one that was not.

mod moved;
mod refusals;

use crate::command::{Done, program, run, texture, words, write_volume};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Four steps an epoch, 80 in all; validations at steps 4, 20, 36, 52, 68 and 80.
const START: &str = "pretrain --datalist list.json --out run --device cpu --roi-size 16 --patch-size 8 \
                     --hidden-size 32 --mlp-dim 32 --layers 1 --heads 2 --spacing 4 --batch-volumes 1 \
                     --samples-per-volume 2 --epochs 20 --validation-interval 4 --ema-decay 0.9";
const RESUME: &str = "pretrain --resume run --device cpu";
const STEPS: u64 = 80;
const VALIDATIONS: [u64; 6] = [4, 20, 36, 52, 68, 80];
/// A moment that has not come by then never will.
const PATIENCE: Duration = Duration::from_secs(60);

/// A folder with four training and five validation volumes.
fn workplace() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let names: Vec<String> = (0..9).map(|number| format!("v{number}.nii")).collect();
    for (number, name) in names.iter().enumerate() {
        write_volume(&folder.path().join(name), texture(number));
    }
    let list = serde_json::json!({ "training": names[..4], "validation": names[4..] });
    std::fs::write(folder.path().join("list.json"), list.to_string()).unwrap();
    folder
}

fn start(folder: &Path, args: &[&str]) -> Child {
    program(folder)
        .args(args)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts")
}

/// The whole lines of a run's metrics.
fn metrics(folder: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(folder.join("run/metrics.jsonl")).unwrap_or_default();
    text.split_inclusive('\n')
        .filter(|line| line.ends_with('\n'))
        .map(|line| serde_json::from_str(line).expect("a line is JSON"))
        .collect()
}

fn step_of(record: &Value) -> u64 {
    record["step"].as_u64().expect("a record has its step")
}

/// When to kill a run: as soon as its metrics reach a step and this is seen.
#[derive(Debug, Clone, Copy)]
enum Moment {
    /// This long after the program started.
    Started(Duration),
    /// A step was recorded.
    Step(u64),
    /// The last step of an epoch was recorded, its validation was not.
    Validation(u64),
    /// This file or folder is in the making.
    Exists(u64, &'static str),
}

impl Moment {
    fn came(self, folder: &Path, started: Instant) -> bool {
        let records = || metrics(folder);
        let reached = |step| {
            records()
                .last()
                .is_some_and(|record| step_of(record) >= step)
        };
        match self {
            Moment::Started(delay) => started.elapsed() >= delay,
            Moment::Step(step) => reached(step),
            Moment::Validation(step) => records()
                .last()
                .is_some_and(|record| step_of(record) >= step && in_validation(record)),
            Moment::Exists(step, name) => folder.join("run").join(name).exists() && reached(step),
        }
    }
}

/// Whether a run whose metrics end like this is validating.
fn in_validation(last: &Value) -> bool {
    VALIDATIONS.contains(&step_of(last)) && last.get("val/l1").is_none()
}

/// Waits for the moment and kills. The program must not end before.
fn kill_at(moment: Moment, mut child: Child, folder: &Path) {
    let started = Instant::now();
    while !moment.came(folder, started) {
        if child.try_wait().unwrap().is_some() {
            let output = child.wait_with_output().unwrap();
            panic!(
                "ended before {moment:?}{}",
                Done::of(String::new(), &output).told()
            );
        }
        assert!(started.elapsed() < PATIENCE, "{moment:?} never came");
        std::thread::sleep(Duration::from_micros(100));
    }
    child.kill().unwrap();
    child.wait().unwrap();
}

/// The folder of a run that nothing disturbed.
fn uninterrupted() -> tempfile::TempDir {
    let folder = workplace();
    run(folder.path(), &words(START, &[])).succeeded();
    folder
}

fn file(folder: &Path, name: &str) -> PathBuf {
    folder.join("run").join(name)
}

fn manifest(folder: &Path, checkpoint: &str) -> Value {
    let path = file(folder, &format!("checkpoints/{checkpoint}/manifest.json"));
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// Both runs end with the same bytes and tell the same of each step, once.
fn assert_equal_runs(expected: &Path, found: &Path) {
    for name in [
        "checkpoints/last/weights.safetensors",
        "checkpoints/last/first_moment.safetensors",
        "checkpoints/last/second_moment.safetensors",
        "checkpoints/last/average.safetensors",
        "checkpoints/best/weights.safetensors",
        "encoder.safetensors",
    ] {
        let [a, b] = [expected, found].map(|folder| std::fs::read(file(folder, name)).unwrap());
        assert!(a == b, "{name} differs");
    }
    let [a, b] = [expected, found].map(|folder| manifest(folder, "last"));
    for name in [
        "/tensors",
        "/updates",
        "/progress/step",
        "/progress/validated",
        "/progress/best",
    ] {
        assert_eq!(a.pointer(name), b.pointer(name), "{name} of the manifest");
    }
    // Speeds are those of the machine; everything else is the same.
    let told = |folder| -> Vec<Value> {
        let mut records = metrics(folder);
        for record in &mut records {
            record.as_object_mut().unwrap().remove("crops_per_second");
        }
        records
    };
    let (a, b) = (told(expected), told(found));
    let steps = |records: &[Value], name: &str| -> Vec<u64> {
        records
            .iter()
            .filter(|record| record.get(name).is_some())
            .map(step_of)
            .collect()
    };
    assert_eq!(
        steps(&b, "train/total"),
        (1..=STEPS).collect::<Vec<_>>(),
        "each step once"
    );
    assert_eq!(steps(&b, "val/l1"), VALIDATIONS, "each validation once");
    for (a, b) in a.iter().zip(&b) {
        assert_eq!(a, b);
    }
}

#[test]
fn ten_kills_end_with_the_bits_of_an_uninterrupted_run() {
    let expected = uninterrupted();
    let folder = workplace();
    let path = folder.path();
    let moments = [
        Moment::Step(2),
        Moment::Validation(4),
        Moment::Exists(7, "checkpoints/last.partial"),
        Moment::Started(Duration::from_millis(50)),
        Moment::Exists(20, "checkpoints/best.partial"),
        Moment::Exists(26, "checkpoints/last.partial/first_moment.safetensors"),
        Moment::Validation(36),
        Moment::Step(43),
        Moment::Exists(49, "checkpoints/last.partial/manifest.json"),
        Moment::Step(56),
    ];
    let (mut in_checkpoint, mut validating) = (0, 0);
    for (number, moment) in moments.into_iter().enumerate() {
        let first = if number == 0 { START } else { RESUME };
        kill_at(
            moment,
            start(path, &words(first, &["--checkpoint-minutes", "0"])),
            path,
        );
        in_checkpoint += usize::from(file(path, "checkpoints/last.partial").exists());
        validating += usize::from(metrics(path).last().is_some_and(in_validation));
    }
    assert!(
        in_checkpoint >= 1,
        "no kill fell into the writing of a checkpoint"
    );
    assert!(validating >= 1, "no kill fell into a validation");
    run(path, &words(RESUME, &["--checkpoint-minutes", "0"])).succeeded();
    assert_equal_runs(expected.path(), path);
    let left: Vec<_> = std::fs::read_dir(file(path, "checkpoints"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert!(
        left.iter()
            .all(|name| !name.to_string_lossy().contains('.')),
        "{left:?} are left"
    );
}

#[test]
fn a_run_killed_before_its_first_checkpoint_can_be_gone_on_with() {
    let folder = workplace();
    let path = folder.path();
    kill_at(Moment::Step(1), start(path, &words(START, &[])), path);
    run(path, &words(RESUME, &[])).succeeded();
    assert_equal_runs(uninterrupted().path(), path);
}

#[test]
fn a_crash_between_the_renames_of_a_checkpoint_goes_on_from_the_one_before() {
    let folder = workplace();
    let path = folder.path();
    let saving = words(START, &["--checkpoint-minutes", "0"]);
    kill_at(Moment::Step(30), start(path, &saving), path);
    let checkpoints = file(path, "checkpoints");
    std::fs::remove_dir_all(checkpoints.join("previous")).unwrap();
    std::fs::rename(checkpoints.join("last"), checkpoints.join("previous")).unwrap();
    run(path, &words(RESUME, &[])).succeeded();
    assert_equal_runs(uninterrupted().path(), path);
}

/// Sends a signal by its name, such as `INT`.
#[cfg(unix)]
fn signal(name: &str, child: &Child) {
    let status = Command::new("kill")
        .args([format!("-{name}"), child.id().to_string()])
        .status()
        .expect("the kill program is there");
    assert!(status.success(), "kill -{name} failed");
}

/// A run that was sent a signal after its first steps.
#[cfg(unix)]
fn interrupted(path: &Path, name: &str) -> Done {
    let child = start(path, &words(START, &[]));
    let started = Instant::now();
    while !Moment::Step(5).came(path, started) {
        assert!(started.elapsed() < PATIENCE, "no step within {PATIENCE:?}");
        std::thread::sleep(Duration::from_millis(1));
    }
    signal(name, &child);
    Done::of(START.to_owned(), &child.wait_with_output().unwrap())
}

#[cfg(unix)]
#[test]
fn an_interrupted_run_saves_says_how_to_go_on_and_does() {
    let folder = workplace();
    let path = folder.path();
    let done = interrupted(path, "INT");
    assert_eq!(done.code, Some(130), "{}", done.told());
    assert!(
        done.stderr.contains("hounsfield pretrain --resume run"),
        "{}",
        done.told()
    );
    let saved = manifest(path, "last");
    let step = saved["progress"]["step"].as_u64().unwrap();
    assert!((5..STEPS).contains(&step), "saved at step {step}");
    assert_eq!(
        metrics(path).last().map(step_of),
        Some(step),
        "metrics end with the checkpoint"
    );
    run(path, &words(RESUME, &[])).succeeded();
    assert_equal_runs(uninterrupted().path(), path);
}

#[cfg(unix)]
#[test]
fn an_interruption_while_volumes_are_prepared_is_no_error() {
    let folder = workplace();
    let path = folder.path();
    let child = start(
        path,
        &words("pretrain --phantoms 400 --device cpu --out run", &[]),
    );
    std::thread::sleep(Duration::from_millis(1000));
    signal("INT", &child);
    let done = Done::of(String::new(), &child.wait_with_output().unwrap());
    assert_eq!(done.code, Some(130), "{}", done.told());
    assert!(!done.stderr.contains("error:"), "{}", done.told());
    assert!(
        !path.join("run").exists(),
        "nothing is left of a run that never began"
    );
}

/// The folder of a run that was stopped early.
#[cfg(unix)]
fn stopped() -> tempfile::TempDir {
    let folder = workplace();
    let done = interrupted(folder.path(), "INT");
    assert_eq!(done.code, Some(130), "{}", done.told());
    folder
}

#[cfg(unix)]
#[test]
fn a_checkpoint_that_cannot_be_written_leaves_the_last_one_whole() {
    let folder = stopped();
    let path = folder.path();
    crate::command::fails_on_a_full_disk(path, &format!("{RESUME} --checkpoint-minutes 0"));
    run(path, &words(RESUME, &[])).succeeded();
    assert_equal_runs(uninterrupted().path(), path);
}

/// Ctrl-C in the last validation: all steps are done, and yet the run is not.
#[cfg(unix)]
#[test]
fn a_run_stopped_in_its_last_validation_is_not_called_complete() {
    let folder = workplace();
    let path = folder.path();
    // Long enough to be stopped in: each of the validation volumes many times.
    let names: Vec<&str> = ["v4.nii"; 3000].to_vec();
    let list = serde_json::json!({ "training": ["v0.nii"], "validation": names });
    std::fs::write(path.join("list.json"), list.to_string()).unwrap();
    let call = START.replace("--epochs 20", "--epochs 1");
    let child = start(path, &words(&call, &[]));
    let started = Instant::now();
    while !Moment::Step(1).came(path, started) {
        assert!(started.elapsed() < PATIENCE, "no step within {PATIENCE:?}");
        std::thread::sleep(Duration::from_millis(1));
    }
    signal("INT", &child);
    let done = Done::of(call, &child.wait_with_output().unwrap());
    assert_eq!(done.code, Some(130), "{}", done.told());
    let summary = std::fs::read(path.join("run/summary.json")).unwrap();
    let summary: Value = serde_json::from_slice(&summary).unwrap();
    assert_eq!(
        (&summary["steps"], &summary["complete"]),
        (&1.into(), &false.into())
    );
    let done = run(path, &words(RESUME, &["--json"])).succeeded();
    assert_eq!(done.json()["complete"], true);
    assert!(path.join("run/encoder.safetensors").exists());
}

#[cfg(unix)]
#[test]
fn a_run_is_resumed_from_another_folder() {
    let folder = stopped();
    let elsewhere = tempfile::tempdir().unwrap();
    let run_folder = folder.path().join("run").display().to_string();
    run(
        elsewhere.path(),
        &["pretrain", "--device", "cpu", "--resume", &run_folder],
    )
    .succeeded();
    assert_equal_runs(uninterrupted().path(), folder.path());
}
