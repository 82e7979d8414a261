//! What the program says while it works and when it is done.

mod without_effect;

use crate::command::{
    FAILED, TINY, WRONG_USAGE, folder, refused, run, texture, words, write_volume,
};
use crate::support::data;

/// Fine-tuning on phantoms that takes a moment.
const FINETUNE: &str = "finetune --phantoms 2 --spacing 8 --roi-size 32 --patch-size 8 --hidden-size 16 --mlp-dim 16 \
                        --layers 3 --heads 2 --feature-size 4 --samples-per-volume 1 --device cpu";

#[test]
fn a_validation_is_announced_and_the_time_left_says_that_it_is_not_counted_yet() {
    let folder = folder();
    let more = words("--max-steps 4 --validation-steps 2 --out run", &[]);
    let done = run(folder.path(), &words(FINETUNE, &more)).succeeded();
    let lines: Vec<&str> = done.stderr.lines().collect();
    let place = |part: &str| {
        let found = lines.iter().position(|line| line.contains(part));
        found.unwrap_or_else(|| panic!("no line with {part}{}", done.told()))
    };
    let first = place("step 1/4: ");
    assert!(
        lines[first].ends_with(" left (without validation)"),
        "{}",
        done.told()
    );
    // The loss and the score, which rises where the loss falls, have names of their own.
    assert!(lines[first].contains(", Dice loss 0."), "{}", done.told());
    let (begins, ends) = (place("validating, 1 volume"), place("(step 2): Dice 0."));
    assert!(first < begins && begins < ends, "{}", done.told());
    let last = lines[place("step 4/4: ")];
    assert!(last.ends_with(" left"), "{}", done.told());
    assert!(!done.stderr.contains(['\r', '\x1b']), "{}", done.told());
}

#[test]
fn structures_are_told_by_name_with_round_volumes_and_so_are_scans_that_failed() {
    let folder = folder();
    let at = folder.path();
    let more = words("--max-steps 1 --out run", &[]);
    run(at, &words(FINETUNE, &more)).succeeded();
    let images = at.join("images");
    std::fs::create_dir(&images).unwrap();
    let scan = data("hippocampus/images/hippocampus_003.nii.gz");
    std::fs::copy(&scan, images.join("a.nii.gz")).unwrap();
    std::fs::write(images.join("b.nii.gz"), b"no image").unwrap();
    let call = "predict --weights run --input images --output maps --device cpu --overlap 0 --json";
    let done = run(at, &words(call, &[]));
    assert_eq!(done.code, Some(FAILED), "{}", done.told());
    let told = done.json();
    assert_eq!(told["failed"][0]["input"], "images/b.nii.gz");
    let error = told["failed"][0]["error"].as_str().unwrap();
    assert!(error.starts_with("images/b.nii.gz: "), "{error}");
    let case = &told["cases"][0];
    assert_eq!(case["input"], "images/a.nii.gz");
    let volumes = case["volumes_ml"].as_array().unwrap();
    let structures = case["structures"].as_array().unwrap();
    // All but the background.
    assert_eq!((volumes.len(), structures.len()), (14, 13));
    assert_eq!(structures[0]["label"], 1);
    assert_eq!(structures[0]["name"], "spleen");
    for (volume, structure) in volumes.iter().skip(1).zip(structures) {
        assert_eq!(*volume, structure["ml"]);
    }
    for volume in volumes {
        let text = volume.to_string();
        let decimals = text.split_once('.').map_or("", |(_, decimals)| decimals);
        assert!(decimals.len() <= 3, "{text}");
    }
}

#[cfg(unix)]
#[test]
fn a_folder_that_was_stopped_midway_tells_the_volumes_of_the_maps_that_are_written() {
    use crate::command::{Done, program};
    use std::process::{Command, Stdio};
    let folder = folder();
    let at = folder.path();
    let more = words("--max-steps 1 --out run", &[]);
    run(at, &words(FINETUNE, &more)).succeeded();
    let scan = data("hippocampus/images/hippocampus_003.nii.gz");
    std::fs::create_dir(at.join("images")).unwrap();
    for number in 0..250 {
        std::fs::copy(&scan, at.join(format!("images/{number:03}.nii.gz"))).unwrap();
    }
    let call = "predict --weights run --input images --output maps --device cpu --overlap 0 --json";
    let mut child = program(at)
        .args(words(call, &[]))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    while !at.join("maps/000.nii.gz").exists() {
        assert!(child.try_wait().unwrap().is_none(), "ended without a map");
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    let id = child.id().to_string();
    let sent = Command::new("kill").args(["-INT", &id]).status();
    assert!(sent.unwrap().success());
    let done = Done::of(call.to_owned(), &child.wait_with_output().unwrap());
    assert_eq!(done.code, Some(130), "{}", done.told());
    let told = done.json();
    let cases = told["cases"].as_array().unwrap();
    let written = std::fs::read_dir(at.join("maps")).unwrap().count();
    assert_eq!(cases.len(), written, "{}", done.told());
    assert_eq!(cases[0]["volumes_ml"].as_array().unwrap().len(), 14);
    let failed = told["failed"].as_array().unwrap();
    assert_eq!(cases.len() + failed.len(), 250);
    assert_eq!(failed[0]["error"], "not reached before the stop");
}

#[test]
fn a_run_that_went_on_has_the_preset_that_it_began_with() {
    let folder = folder();
    let at = folder.path();
    run(at, &words(TINY, &["--preset", "small", "--out", "run"])).succeeded();
    // As of a run that was killed.
    std::fs::remove_file(at.join("run/summary.json")).unwrap();
    for _ in 0..2 {
        let done = run(at, &words("pretrain --resume run --json", &[])).succeeded();
        assert_eq!(done.json()["preset"], "small");
    }
}

#[test]
fn a_preview_tells_of_the_padding_of_a_small_scan() {
    let folder = folder();
    write_volume(&folder.path().join("a.nii"), texture(0));
    let told = |roi: &str| {
        let call =
            "preview --input a.nii --spacing 4 --intensity-min -50 --patch-size 8 --roi-size";
        run(folder.path(), &words(call, &[roi])).succeeded().stderr
    };
    let (small, large) = (told("16"), told("24"));
    assert!(small.contains("cropping to the foreground\n"), "{small}");
    assert!(
        large.contains("padded with zeros to 24 x 24 x 24\n"),
        "{large}"
    );
}

#[test]
fn sub_folders_of_a_folder_of_scans_are_counted_where_they_are_not_looked_into() {
    let folder = folder();
    let at = folder.path();
    for name in ["scans/p1", "scans/p2", "scans/.hidden"] {
        std::fs::create_dir_all(at.join(name)).unwrap();
    }
    for (number, name) in ["a", "b", "p1/c", "p2/d"].into_iter().enumerate() {
        write_volume(&at.join(format!("scans/{name}.nii")), texture(number));
    }
    let told = "sub-folders are not looked into: 2, such as scans/p1";
    let preview =
        "preview --datalist scans --spacing 4 --intensity-min -50 --patch-size 8 --roi-size 16";
    let done = run(at, &words(preview, &[])).succeeded();
    assert_eq!(done.stderr.matches(told).count(), 1, "{}", done.told());
    // There are no weights, which matters later.
    let predict = "predict --weights absent --input scans --output maps --device cpu";
    let done = run(at, &words(predict, &[]));
    assert_eq!(done.stderr.matches(told).count(), 1, "{}", done.told());
    // The layout has no test cases, which matters later.
    for name in ["imagesTr/a", "labelsTr/a", "imagesTr/p1/b"] {
        let file = at.join(format!("set/{name}.nii"));
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, b"").unwrap();
    }
    let evaluate = "evaluate --datalist set --predictions .";
    let done = run(at, &words(evaluate, &[]));
    let told = "sub-folders are not looked into: 1, such as set/imagesTr/p1";
    assert_eq!(done.stderr.matches(told).count(), 1, "{}", done.told());
}

#[test]
fn a_pre_training_that_no_fine_tuning_can_start_from_says_so_at_once() {
    let folder = folder();
    let told = |sizes: &str, out: &str| {
        let call = "pretrain --phantoms 2 --hidden-size 16 --mlp-dim 16 --layers 1 --heads 2 --spacing 8 --max-steps 1 \
                    --batch-volumes 1 --samples-per-volume 1 --device cpu --out";
        let sizes = words(sizes, &[]);
        let call = [words(call, &[out]), sizes].concat();
        run(folder.path(), &call).succeeded().stderr
    };
    let warning = "fine-tuning cannot start from this encoder: UNETR needs a patch size of 4, 8, 16 or 32, not 12";
    let other = told("--roi-size 24 --patch-size 12", "a");
    assert!(other.contains(warning), "{other}");
    let usual = told("--roi-size 16 --patch-size 8", "b");
    assert!(!usual.contains("cannot start"), "{usual}");
}

#[test]
fn a_number_below_zero_is_refused_by_what_its_flag_allows() {
    let folder = folder();
    for (call, parts) in [
        ("bench kernels --repeats -1", ["--repeats", "-1"]),
        ("phantom --cases -2", ["--cases", "-2"]),
        ("finetune --max-steps -3", ["--max-steps", "-3"]),
        ("bench data --limit -4", ["--limit", "-4"]),
    ] {
        let parts = [parts[0], parts[1], "invalid value"];
        refused(folder.path(), &words(call, &[]), WRONG_USAGE, &parts);
    }
    std::fs::write(folder.path().join("list.json"), "{}").unwrap();
    let call = "evaluate --predictions . --datalist list.json --tolerance -0.5";
    refused(
        folder.path(),
        &words(call, &[]),
        FAILED,
        &["--tolerance", "-0.5"],
    );
}

#[test]
fn an_evaluation_of_nothing_names_both_things_that_it_can_score() {
    let call = words("evaluate --datalist list.json", &[]);
    let parts = ["--weights", "--predictions"];
    refused(folder().path(), &call, WRONG_USAGE, &parts);
}

#[test]
fn the_help_of_a_command_lists_the_settings_that_do_something_there() {
    let help = |command: &str| {
        let call = words(command, &["--help"]);
        run(folder().path(), &call).succeeded().stdout
    };
    for (command, listed, others) in [
        (
            "preview",
            ["--roi-size", "--input"],
            ["--learning-rate", "--max-steps"],
        ),
        (
            "bench data",
            ["--limit", "--json"],
            ["--phantoms", "--temperature"],
        ),
        (
            "pretrain",
            ["--learning-rate", "--seed"],
            ["--encoder-rate", "--head-rate"],
        ),
        (
            "finetune",
            ["--encoder-rate", "--head-rate"],
            ["--temperature", "--input"],
        ),
    ] {
        let help = help(command);
        for flag in listed {
            assert!(help.contains(flag), "{flag} of {command}: {help}");
        }
        for flag in others {
            assert!(!help.contains(flag), "{flag} of {command}: {help}");
        }
    }
}

#[test]
fn the_help_of_a_setting_has_one_default_and_no_value_that_is_always_refused() {
    for command in ["pretrain", "finetune"] {
        let call = words(command, &["--help"]);
        let help = run(folder().path(), &call).succeeded().stdout;
        let help = help.split_whitespace().collect::<Vec<_>>().join(" ");
        for part in help.split("] [").skip(1) {
            let other = ["possible values", "alias"];
            let known = other.iter().any(|other| part.starts_with(other));
            assert!(known, "{command}: [{part}");
        }
        let offers_random = help.contains("--validation <");
        assert_eq!(offers_random, command == "pretrain", "{help}");
    }
}

#[test]
fn a_flag_that_does_nothing_for_its_command_is_told() {
    let folder = folder();
    write_volume(&folder.path().join("a.nii"), texture(0));
    let call = "preview --input a.nii --spacing 4 --intensity-min -50 --patch-size 8 --roi-size 16 --epochs 7 --seed 3";
    let done = run(folder.path(), &words(call, &[])).succeeded();
    let told = |flag: &str| done.stderr.contains(&format!("--{flag} does nothing here"));
    assert!(told("epochs"), "{}", done.told());
    for flag in ["input", "spacing", "seed"] {
        assert!(!told(flag), "{flag}{}", done.told());
    }
}

#[test]
fn the_data_path_is_measured_with_the_intensities_of_the_lists_modality() {
    let folder = folder();
    let at = folder.path();
    write_volume(&at.join("a.nii"), texture(0));
    let list = serde_json::json!({ "training": ["a.nii"], "modality": { "0": "MRI" } });
    std::fs::write(at.join("list.json"), list.to_string()).unwrap();
    let call = "bench data --datalist list.json --preset small --spacing 4 --patch-size 8 --roi-size 16 --json";
    let done = run(at, &words(call, &[])).succeeded();
    assert!(done.stderr.contains("own percentiles"), "{}", done.told());
}
