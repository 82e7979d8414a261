//! Runs whose terminal, folders or machine went away.

use super::*;

/// Lists and volumes in another folder.
fn move_volumes(folder: &Path, to: &str) {
    let target = folder.join(to);
    std::fs::create_dir(&target).unwrap();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            std::fs::rename(&path, target.join(path.file_name().unwrap())).unwrap();
        }
    }
}

#[test]
fn a_run_goes_on_with_moved_volumes_and_then_without_being_told_again() {
    let folder = workplace();
    let path = folder.path();
    let often = ["--checkpoint-minutes", "0"];
    kill_at(Moment::Step(10), start(path, &words(START, &often)), path);
    move_volumes(path, "moved");
    let moved = [&often[..], &["--datalist", "moved/list.json"]].concat();
    kill_at(Moment::Step(30), start(path, &words(RESUME, &moved)), path);
    run(path, &words(RESUME, &often)).succeeded();
    assert_equal_runs(uninterrupted().path(), path);
}

#[test]
fn a_run_killed_while_its_volumes_were_prepared_begins_anew() {
    let folder = workplace();
    let path = folder.path();
    // What such a run leaves, or one killed in its first checkpoint.
    std::fs::create_dir_all(file(path, "checkpoints/last.partial")).unwrap();
    for name in ["config.toml", "cases.json", ".lock"] {
        std::fs::write(file(path, name), "").unwrap();
    }
    std::fs::write(file(path, "notes.txt"), "mine").unwrap();
    run(path, &words(START, &[])).succeeded();
    assert_equal_runs(uninterrupted().path(), path);
    assert_eq!(std::fs::read(file(path, "notes.txt")).unwrap(), b"mine");
    // A run that can be gone on with is kept.
    let kept = run(path, &words(START, &[]));
    assert_eq!(kept.code, Some(1), "{}", kept.told());
}

#[test]
fn what_no_run_left_is_kept_however_often_a_run_is_started_there() {
    let folder = workplace();
    let path = folder.path();
    std::fs::create_dir_all(file(path, "checkpoints/step_100")).unwrap();
    std::fs::write(file(path, "config.toml"), "mine").unwrap();
    for _ in 0..2 {
        let call = words(START, &[]);
        crate::command::refused(path, &call, 1, &["run holds a run already"]);
    }
    let config = std::fs::read(file(path, "config.toml")).unwrap();
    assert_eq!(config, b"mine");
}

#[test]
fn the_best_weights_of_a_killed_run_are_kept_though_it_cannot_be_gone_on_with() {
    let folder = workplace();
    let path = folder.path();
    std::fs::create_dir_all(file(path, "checkpoints/best")).unwrap();
    for name in ["config.toml", ".lock"] {
        std::fs::write(file(path, name), "").unwrap();
    }
    let call = words(START, &[]);
    crate::command::refused(path, &call, 1, &["run holds a run already"]);
}

/// How a run ends whose terminal goes away after its first steps; `trap` is what the shell does about it.
#[cfg(unix)]
fn hung_up(path: &Path, trap: &str) -> Done {
    let call = format!("{trap} exec {:?} {START}", env!("CARGO_BIN_EXE_hounsfield"));
    let child = Command::new("sh")
        .args(["-c", &call])
        .current_dir(path)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("a shell is there");
    let started = Instant::now();
    while !Moment::Step(5).came(path, started) {
        assert!(started.elapsed() < PATIENCE, "no step within {PATIENCE:?}");
        std::thread::sleep(Duration::from_millis(1));
    }
    signal("HUP", &child);
    Done::of(call, &child.wait_with_output().unwrap())
}

#[cfg(unix)]
#[test]
fn a_run_under_nohup_outlives_its_terminal() {
    let folder = workplace();
    let done = hung_up(folder.path(), "trap '' HUP;").succeeded();
    assert!(!done.stderr.contains("stopping"), "{}", done.told());
    assert_equal_runs(uninterrupted().path(), folder.path());
}

#[cfg(unix)]
#[test]
fn a_run_whose_terminal_goes_away_saves() {
    // Where this test itself runs under nohup, what it starts does too, and a shell cannot undo that.
    if hangups_are_ignored() {
        return;
    }
    let folder = workplace();
    let done = hung_up(folder.path(), "");
    assert_eq!(done.code, Some(130), "{}", done.told());
    run(folder.path(), &words(RESUME, &[])).succeeded();
    assert_equal_runs(uninterrupted().path(), folder.path());
}

/// Whether this process, and so every one it starts, ignores hangups.
#[cfg(unix)]
fn hangups_are_ignored() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .is_some_and(|mask| mask & 1 == 1)
}

#[test]
fn a_resume_clears_old_files_in_the_making_and_leaves_those_that_another_program_is_writing() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join("run").join(name);
    run(
        folder.path(),
        &words(crate::command::TINY, &["--out", "run"]),
    )
    .succeeded();
    let [old, fresh] = [at(".hounsfield-1-0.tmp"), at(".hounsfield-2-0.tmp")];
    for path in [&old, &fresh] {
        std::fs::write(path, b"half").unwrap();
    }
    let hours = std::time::Duration::from_secs(2 * 3600);
    let file = std::fs::File::options().write(true).open(&old).unwrap();
    file.set_modified(std::time::SystemTime::now() - hours)
        .unwrap();
    let resume = words("pretrain --resume run --device cpu", &[]);
    run(folder.path(), &resume).succeeded();
    assert!(!old.exists());
    assert!(fresh.exists());
}
