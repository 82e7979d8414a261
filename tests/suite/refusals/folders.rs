//! Folders that cannot be written to, or hold something else already.

#[cfg(unix)]
use crate::command::fails_on_a_full_disk;
use crate::command::{
    FAILED, SMALL_NETWORK, TINY, entries, folder, program, refused, run, words, write_list,
    write_volume,
};

#[test]
fn an_output_folder_that_cannot_be_made_is_refused() {
    let folder = folder();
    std::fs::write(folder.path().join("file"), "").unwrap();
    for out in ["file", "file/run"] {
        let call = words(TINY, &["--out", out]);
        refused(folder.path(), &call, FAILED, &[out]);
    }
    refused(
        folder.path(),
        &["preview", "--out", "file/picture.png"],
        FAILED,
        &["file/picture.png"],
    );
    refused(
        folder.path(),
        &["preview", "--out", "absent/picture.png"],
        FAILED,
        &["absent/picture.png"],
    );
    refused(
        folder.path(),
        &["phantom", "--small", "--out", "file"],
        FAILED,
        &["file"],
    );
}

#[test]
fn a_folder_that_holds_a_run_is_refused_for_a_new_one() {
    let folder = folder();
    let call = words(TINY, &["--out", "run"]);
    run(folder.path(), &call).succeeded();
    refused(
        folder.path(),
        &call,
        FAILED,
        &["run holds a run already", "--resume run"],
    );
}

#[test]
fn a_run_that_never_starts_leaves_an_existing_folder_as_it_was() {
    let folder = folder();
    write_volume(&folder.path().join("air.nii"), |_| -1000);
    let list = write_list(folder.path(), &["air.nii"]);
    std::fs::create_dir(folder.path().join("run")).unwrap();
    std::fs::write(folder.path().join("run/notes"), "mine").unwrap();
    let call = words(SMALL_NETWORK, &["--datalist", list, "--out", "run"]);
    refused(folder.path(), &call, FAILED, &["air.nii"]);
}

#[test]
fn only_one_of_many_starts_gets_a_folder_and_the_others_leave_it_alone() {
    let folder = folder();
    let call = words(TINY, &["--out", "run"]);
    let started = || {
        let mut command = program(folder.path());
        command.args(&call).stderr(std::process::Stdio::null());
        command.spawn().unwrap()
    };
    let all: Vec<_> = (0..6).map(|_| started()).collect();
    let ended = all
        .into_iter()
        .map(|mut child| child.wait().unwrap().success());
    assert_eq!(ended.filter(|succeeded| *succeeded).count(), 1);
    for file in ["config.toml", "summary.json", "encoder.safetensors"] {
        assert!(folder.path().join("run").join(file).exists(), "{file}");
    }
}

#[test]
fn a_cache_in_the_folder_of_a_run_that_never_starts_stays() {
    let folder = folder();
    write_volume(&folder.path().join("scan.nii"), |i| i as i16);
    write_volume(&folder.path().join("air.nii"), |_| -1000);
    let list = write_list(folder.path(), &["scan.nii", "air.nii"]);
    let more = [
        "--datalist",
        list,
        "--out",
        "run",
        "--cache-dir",
        "run/cache",
    ];
    let output = run(folder.path(), &words(SMALL_NETWORK, &more));
    assert_eq!(output.code, Some(FAILED), "{}", output.told());
    assert!(output.stderr.contains("air.nii"), "{}", output.told());
    assert!(folder.path().join("run/cache").is_dir());
    assert_eq!(entries(&folder.path().join("run")), Vec::<String>::new());
}

#[test]
fn phantoms_do_not_replace_the_list_of_another_data_set() {
    let folder = folder();
    let list = folder.path().join("phantoms/dataset.json");
    let call = ["phantom", "--small", "--cases", "1", "--out", "phantoms"];
    for _ in 0..2 {
        run(folder.path(), &call).succeeded();
    }
    std::fs::write(&list, r#"{"name": "mine", "training": ["a.nii"]}"#).unwrap();
    refused(folder.path(), &call, FAILED, &["dataset.json"]);
}

#[test]
fn phantoms_leave_no_case_that_their_list_does_not_name() {
    let folder = folder();
    let call = |cases: &'static str| ["phantom", "--small", "--cases", cases, "--out", "ph"];
    run(folder.path(), &call("2")).succeeded();
    let parts = ["phantom_0001.nii.gz", "another --out"];
    refused(folder.path(), &call("1"), FAILED, &parts);
    let list = std::fs::read_to_string(folder.path().join("ph/dataset.json")).unwrap();
    assert!(list.contains("phantom_0001.nii.gz"), "{list}");
}

#[cfg(unix)]
#[test]
fn a_run_whose_first_checkpoint_cannot_be_written_leaves_nothing() {
    let folder = folder();
    let call = format!("{TINY} --out run");
    let done = fails_on_a_full_disk(folder.path(), &call);
    assert_eq!(
        entries(folder.path()),
        Vec::<String>::new(),
        "{}",
        done.told()
    );
}
