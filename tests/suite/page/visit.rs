//! A visit to the page and what is claimed of it, held against the native program.

use super::native::{Natively, agreement, start};
use super::{
    LARGEST_DOWNLOAD, assert_close, assert_no_errors, assert_paused_soon, build, download, drive,
    series, settings,
};
use crate::site::{ROOT, run, serve};
use crate::support::data;
use hounsfield::dataset::DataList;
use hounsfield::platform;
use hounsfield::train::Checkpoint;
use hounsfield::volume;
use hounsfield::weights::Archive;
use serde_json::Value;
use std::path::Path;
use std::process::Command;

/// Opens, segments, is given files to refuse and scans to learn from, is paused, reloaded without a server, and ends; then
/// goes on with a run of the native program. `query` chooses the device.
pub(super) fn visit(query: &str, device: &str) {
    let (site, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    build(site.path());
    assert_small(site.path());
    let address = serve(site.path().to_owned());
    let page = format!("{address}{query}");
    let folder = folder.path();

    let seen = drive("visit", &page, folder);
    assert_no_errors(&seen);
    assert_device(&seen, device);
    assert_mirroring_is_not_offered(&seen);
    assert_nothing_leaves_the_origin(&seen, &address);
    assert_nothing_is_asked_for_while_computing(&seen);
    assert_files_are_refused(&seen, folder);
    assert_segments_as_natively(&seen);
    assert_segments_on_all_processors(&seen, device);
    assert_trains_on_all_processors(&seen, device);
    assert_volumes_are_saved(&seen);
    assert_answers_while_training(&seen, device);
    assert_nothing_else_begins_beside_a_training(&seen);
    assert_paused_soon(&seen);
    assert_other_intensities_are_noticed(&seen);
    assert_offered_after_a_reload(&seen);
    assert_shows_what_it_trained(&seen);

    // The same run natively, from the same start.
    let half = std::fs::read(seen["half"].as_str().unwrap()).unwrap();
    let archive = Archive::open(&half).unwrap();
    let config = settings(&archive);
    let bundled = platform::read(&Path::new(ROOT).join("web/model/model.safetensors")).unwrap();
    let start = start(&bundled, &config);
    let natively = Natively {
        config: &config,
        training: &["024", "052", "158"],
        validation: &["104"],
    };
    let expected = natively.losses(start.clone());
    let found = series(folder, "train/total");
    assert_learns_as_natively(&found, &expected);
    assert_the_network_segments_natively(folder);
    assert_goes_on_natively(&archive, &natively, folder, found[19].1);

    // And the reverse: a run that the native program began, on the first cases of a longer list.
    let mut limited = config.clone();
    limited.data.limit = Some(3);
    let natively = Natively {
        config: &limited,
        ..natively
    };
    natively.begin(start, folder.join("native"), 8);
    leave_list(&archive, folder);
    std::fs::remove_file(folder.join("metrics.jsonl")).unwrap();
    let seen = drive("native", &page, folder);
    assert_no_errors(&seen);
    assert_asked_before_another_takes_its_place(&seen);
    let (step, last) = *series(folder, "train/total").last().unwrap();
    assert_close(step as usize, last, expected[19]);
}

fn assert_asked_before_another_takes_its_place(seen: &Value) {
    let asked = seen["asked"].as_str().unwrap();
    assert!(asked.contains("A finished training"), "{asked}");
}

fn assert_small(site: &Path) {
    let bytes = download(site);
    assert!(
        bytes <= LARGEST_DOWNLOAD,
        "the page's download has {bytes} bytes"
    );
}

fn assert_device(seen: &Value, device: &str) {
    let found = seen["device"].as_str().unwrap();
    assert!(found.starts_with(device), "{seen:#}");
}

/// On a graphics processor there are no others to help.
fn assert_segments_on_all_processors(seen: &Value, device: &str) {
    let said = seen["segmented"].as_str().unwrap();
    let several = device == "Processor" && seen["processors"].as_u64().unwrap() > 1;
    assert_eq!(said.contains(" threads"), several, "{said}");
}

/// There each that has memory for it has a copy of the network; losses are held to the native program's below, and a copy
/// that fails says so on the console, which [`assert_no_errors`] reads.
fn assert_trains_on_all_processors(seen: &Value, device: &str) {
    let several = device == "Processor" && seen["processors"].as_u64().unwrap() > 1;
    let replicas = seen["replicas"].as_u64().unwrap();
    assert_eq!(replicas > 1, several, "{seen:#}");
}

/// The bundled network was trained without flips.
fn assert_mirroring_is_not_offered(seen: &Value) {
    assert_eq!(seen["mirror"], false, "{seen:#}");
}

fn urls(seen: &Value, key: &str) -> Vec<String> {
    serde_json::from_value(seen[key].clone()).unwrap()
}

fn assert_nothing_leaves_the_origin(seen: &Value, address: &str) {
    for url in urls(seen, "requests") {
        let own = url.starts_with(address) || url.starts_with("blob:");
        assert!(own, "{url} was asked for");
    }
}

fn assert_nothing_is_asked_for_while_computing(seen: &Value) {
    for url in urls(seen, "computing") {
        assert!(
            url.starts_with("blob:"),
            "{url} was asked for while computing"
        );
    }
}

/// In the words of the native reader, but for what fits into 64 bits only.
fn assert_files_are_refused(seen: &Value, folder: &Path) {
    let refused = seen["refused"].as_object().unwrap();
    for (file, words) in [
        ("ten_gigabytes.nii", "do not fit in memory"),
        ("bomb.nii.gz", "bomb.nii.gz"),
        ("truncated.nii.gz", "truncated"),
        ("example4d.nii.gz", "4"),
        ("weights.pth", "hounsfield convert"),
    ] {
        let told = refused[file].as_str().unwrap();
        assert!(told.contains(words), "{file}: {told}");
        if !["weights.pth", "ten_gigabytes.nii"].contains(&file) {
            let path = match file {
                "truncated.nii.gz" => data("robustness/derived/truncated.nii.gz"),
                "example4d.nii.gz" => data("robustness/nibabel/example4d.nii.gz"),
                made => folder.join(made),
            };
            let bytes = std::fs::read(path).unwrap();
            let error = volume::read_nifti(&bytes, file).unwrap_err().to_string();
            assert_eq!(told, error, "{file}");
        }
    }
}

fn assert_segments_as_natively(seen: &Value) {
    let agreed = agreement(Path::new(seen["labels"].as_str().unwrap()));
    assert!(agreed >= 0.99, "Dice with the native labels: {agreed}");
}

fn assert_volumes_are_saved(seen: &Value) {
    let volumes = std::fs::read_to_string(seen["volumes"].as_str().unwrap()).unwrap();
    assert!(
        volumes.starts_with("case,label,structure,mL\nphantom 2026,1,"),
        "{volumes}"
    );
    assert_eq!(volumes.lines().count(), 14, "{volumes}");
}

/// The time counts only in the visit that has the machine to itself: nextest gives it to the one on the processor
/// (`.config/nextest.toml`), `cargo test` to none.
fn assert_answers_while_training(seen: &Value, device: &str) {
    let milliseconds = seen["latency"].as_f64().unwrap();
    let alone = device == "Processor" && std::env::var_os("NEXTEST").is_some();
    assert!(!alone || milliseconds < 100.0, "{milliseconds}");
}

fn assert_nothing_else_begins_beside_a_training(seen: &Value) {
    assert_eq!(seen["offered"], false, "{seen:#}");
    let why = seen["hindered"].as_str().unwrap();
    assert!(why.contains("pause it first"), "{why}");
}

/// Scans whose values are not those of the network they start from.
fn assert_other_intensities_are_noticed(seen: &Value) {
    let notice = seen["notice"].as_str().unwrap();
    assert!(notice.contains("values from -160 to 240"), "{notice}");
}

fn assert_offered_after_a_reload(seen: &Value) {
    let offer = seen["offer"].as_str().unwrap();
    assert!(offer.contains("An earlier fine-tuning"), "{offer}");
}

/// What a check shows has the classes of the network that was trained, and is no segmentation to be saved.
fn assert_shows_what_it_trained(seen: &Value) {
    let legend = seen["legend"].as_str().unwrap();
    assert!(!legend.contains("liver"), "{legend}");
    assert_eq!(seen["saveable"], false, "{seen:#}");
}

/// The page's losses by step, and those of every step natively.
fn assert_learns_as_natively(found: &[(f64, f64)], expected: &[f64]) {
    assert_eq!(found.len(), 20);
    for step in [1, 5, 20] {
        assert_close(step, found[step - 1].1, expected[step - 1]);
    }
    assert!(found[19].1 < found[0].1, "the loss falls: {found:?}");
}

/// The weights and settings that the page gave do.
fn assert_the_network_segments_natively(folder: &Path) {
    let labels = folder.join("natively.nii.gz");
    run(Command::new(env!("CARGO_BIN_EXE_hounsfield"))
        .args(["predict", "--device", "cpu", "--weights"])
        .arg(folder.join("model.safetensors"))
        .arg("--input")
        .arg(data("hippocampus/images/hippocampus_104.nii.gz"))
        .arg("--output")
        .arg(&labels));
    assert!(labels.exists());
}

/// The page's half of a run comes natively to the loss that the page came to.
fn assert_goes_on_natively(
    archive: &Archive<'_>,
    natively: &Natively<'_>,
    folder: &Path,
    last: f64,
) {
    let unpacked = folder.join("unpacked");
    for name in archive.names() {
        let path = unpacked.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, archive.bytes(name).unwrap().unwrap()).unwrap();
    }
    let checkpoint = Checkpoint::latest(&unpacked.join("hounsfield-run")).unwrap();
    let rest = natively.rest(checkpoint);
    assert_close(20, last, *rest.last().unwrap());
}

/// The page's own list of cases, as a file that the native program reads too.
fn leave_list(archive: &Archive<'_>, folder: &Path) {
    let list = archive.bytes("hounsfield-run/dataset.json");
    let list = list.unwrap().unwrap();
    DataList::parse(list, "dataset.json", Path::new("")).unwrap();
    std::fs::write(folder.join("dataset.json"), list).unwrap();
}
