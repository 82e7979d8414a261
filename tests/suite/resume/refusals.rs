//! What a run is not gone on with.

use super::*;
use hounsfield::config::PretrainConfig;
use hounsfield::train::Checkpoint;

/// Resuming fails with one line that holds every part, and the checkpoint stays as it was.
fn refused(folder: &Path, more: &[&str], parts: &[&str]) {
    let before = manifest_bytes(folder);
    let done = run(folder, &words(RESUME, more));
    assert_eq!(done.code, Some(1), "{}", done.told());
    let last = done.stderr.lines().last().unwrap_or_default();
    assert!(
        last.starts_with("error: "),
        "one line, the last{}",
        done.told()
    );
    for part in parts {
        assert!(last.contains(part), "'{part}' is named{}", done.told());
    }
    assert_eq!(manifest_bytes(folder), before, "the checkpoint was touched");
}

fn manifest_bytes(folder: &Path) -> Option<Vec<u8>> {
    std::fs::read(file(folder, "checkpoints/last/manifest.json")).ok()
}

#[cfg(unix)]
#[test]
fn a_changed_setting_is_refused_with_both_values() {
    let folder = stopped();
    let path = folder.path();
    refused(
        path,
        &["--learning-rate", "0.25"],
        &["optimizer.learning_rate", "0.0005", "0.25"],
    );
    refused(path, &["--seed", "7"], &["run.seed", "123", "7"]);
    let config = file(path, "config.toml");
    let text = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&config, text.replace("layers = 1", "layers = 2")).unwrap();
    refused(path, &[], &["network.layers", "1", "2"]);
}

#[cfg(unix)]
#[test]
fn a_setting_that_does_not_change_the_result_may_change() {
    let folder = stopped();
    let path = folder.path();
    run(
        path,
        &words(
            RESUME,
            &["--workers", "1", "--log-every", "3", "--recompute"],
        ),
    )
    .succeeded();
    assert_equal_runs(uninterrupted().path(), path);
}

#[cfg(unix)]
#[test]
fn an_intensity_of_auto_goes_on_where_the_list_still_means_what_the_run_has() {
    let folder = stopped();
    let path = folder.path();
    let parts = ["sampling.intensity", "range", "percentile"];
    refused(path, &["--intensity", "percentile"], &parts);
    let file = path.join("list.json");
    let text = std::fs::read_to_string(&file).unwrap();
    let mut list: Value = serde_json::from_str(&text).unwrap();
    list["modality"] = serde_json::json!({ "0": "MRI" });
    std::fs::write(&file, list.to_string()).unwrap();
    refused(path, &["--intensity", "auto"], &parts);
    std::fs::write(&file, text).unwrap();
    run(path, &words(RESUME, &["--intensity", "auto"])).succeeded();
    assert_equal_runs(uninterrupted().path(), path);
}

#[cfg(unix)]
#[test]
fn a_checkpoint_cut_short_is_refused_by_its_file() {
    for name in [
        "weights.safetensors",
        "first_moment.safetensors",
        "average.safetensors",
        "manifest.json",
    ] {
        let folder = stopped();
        let path = file(folder.path(), "checkpoints/last").join(name);
        let whole = std::fs::read(&path).unwrap();
        for length in [0, 7, whole.len() / 2, whole.len() - 1] {
            std::fs::write(&path, &whole[..length]).unwrap();
            refused(folder.path(), &[], &[name]);
        }
        std::fs::remove_file(&path).unwrap();
        refused(folder.path(), &[], &[name, "is not there"]);
    }
}

#[cfg(unix)]
#[test]
fn an_edited_tensor_is_refused_by_its_file() {
    let folder = stopped();
    for name in ["weights.safetensors", "second_moment.safetensors"] {
        let path = file(folder.path(), "checkpoints/last").join(name);
        let whole = std::fs::read(&path).unwrap();
        let mut edited = whole.clone();
        let middle = edited.len() / 2;
        edited[middle] ^= 1;
        std::fs::write(&path, edited).unwrap();
        refused(folder.path(), &[], &[name]);
        std::fs::write(&path, whole).unwrap();
    }
}

#[cfg(unix)]
#[test]
fn an_edited_manifest_is_refused() {
    let folder = stopped();
    let path = file(folder.path(), "checkpoints/last/manifest.json");
    let whole = std::fs::read_to_string(&path).unwrap();
    let parsed = manifest(folder.path(), "last");
    let number = |place: &str| parsed.pointer(place).expect(place).to_string();
    for (name, place) in [
        ("step", "/progress/step"),
        ("updates", "/updates"),
        ("seed", "/config/run/seed"),
    ] {
        let from = format!("\"{name}\": {}", number(place));
        let edited = whole.replacen(&from, &format!("\"{name}\": 3"), 1);
        assert_ne!(edited, whole, "{from}");
        std::fs::write(&path, edited).unwrap();
        refused(folder.path(), &[], &["manifest.json", "checksum"]);
    }
    // Another layout is no edit.
    let flat: String = whole.lines().map(str::trim).collect();
    std::fs::write(&path, flat).unwrap();
    Checkpoint::<PretrainConfig>::read(&file(folder.path(), "checkpoints/last")).unwrap();
}

/// What is read while another process replaces it is not what either wrote.
#[cfg(unix)]
#[test]
fn a_checkpoint_is_not_read_while_another_process_may_write_it() {
    let folder = stopped();
    let path = folder.path();
    std::fs::write(file(path, "checkpoints/last/manifest.json"), "").unwrap();
    let lock = std::fs::File::create(file(path, ".lock")).unwrap();
    lock.lock().unwrap();
    refused(path, &[], &["another process works in run"]);
    drop(lock);
    refused(path, &[], &["manifest.json"]);
}

#[test]
fn a_folder_that_is_no_run_is_refused() {
    let folder = workplace();
    std::fs::create_dir(folder.path().join("run")).unwrap();
    refused(folder.path(), &[], &["run", "no usable checkpoint"]);
    // A lock's file would make a killed run of it.
    assert!(!folder.path().join("run/.lock").exists());
    std::fs::remove_dir(folder.path().join("run")).unwrap();
    refused(folder.path(), &[], &["run", "no such folder"]);
}

#[cfg(unix)]
#[test]
fn other_cases_than_the_run_began_with_are_refused() {
    let folder = stopped();
    write_volume(&folder.path().join("v9.nii"), texture(9));
    let names: Vec<String> = (0..10).map(|number| format!("v{number}.nii")).collect();
    let list = serde_json::json!({ "training": names[5..], "validation": names[..5] });
    std::fs::write(folder.path().join("list.json"), list.to_string()).unwrap();
    refused(
        folder.path(),
        &[],
        &[
            "other cases",
            "4 for training and 5 for validation then, 5 and 5 now",
        ],
    );
}
