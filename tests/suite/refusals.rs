//! Input that cannot work: one line that says what is wrong, where, and what to do.

use crate::command::{
    FAILED, SMALL_NETWORK, TINY, WRONG_USAGE, entries, folder, refused, run, text, texture, words,
    write_list, write_volume,
};
use crate::support;

#[test]
fn a_split_file_that_does_not_exist_is_refused() {
    let call = words(
        SMALL_NETWORK,
        &["--datalist", "absent.json", "--out", "run"],
    );
    refused(
        folder().path(),
        &call,
        FAILED,
        &["absent.json", "does not exist"],
    );
}

#[test]
fn a_folder_without_volumes_is_refused_as_a_data_list() {
    let folder = folder();
    std::fs::create_dir(folder.path().join("data")).unwrap();
    let call = words(SMALL_NETWORK, &["--datalist", "data", "--out", "run"]);
    refused(folder.path(), &call, FAILED, &["data holds no .nii"]);
}

#[test]
fn an_empty_list_is_refused() {
    let folder = folder();
    let list = write_list(folder.path(), &[]);
    let call = words(SMALL_NETWORK, &["--datalist", list, "--out", "run"]);
    refused(
        folder.path(),
        &call,
        FAILED,
        &["list.json", "\"training\" list is empty"],
    );
}

#[test]
fn a_list_that_is_not_json_is_refused_with_the_place() {
    let folder = folder();
    std::fs::write(folder.path().join("list.json"), "{\n  training: []}").unwrap();
    let call = words(SMALL_NETWORK, &["--datalist", "list.json", "--out", "run"]);
    refused(folder.path(), &call, FAILED, &["list.json", "line 2"]);
}

#[test]
fn a_volume_that_is_not_there_is_named_before_anything_starts() {
    let folder = folder();
    write_volume(&folder.path().join("a.nii"), texture(0));
    let list = write_list(folder.path(), &["a.nii", "b.nii"]);
    let call = words(SMALL_NETWORK, &["--datalist", list, "--out", "run"]);
    refused(folder.path(), &call, FAILED, &["b.nii", "no such file"]);
}

#[test]
fn a_volume_that_is_cut_short_is_named() {
    let folder = folder();
    write_volume(&folder.path().join("a.nii"), texture(0));
    let whole = std::fs::read(folder.path().join("a.nii")).unwrap();
    std::fs::write(folder.path().join("b.nii"), &whole[..5000]).unwrap();
    let list = write_list(folder.path(), &["a.nii", "b.nii"]);
    let call = words(SMALL_NETWORK, &["--datalist", list, "--out", "run"]);
    refused(folder.path(), &call, FAILED, &["b.nii", "truncated"]);
}

#[test]
fn a_compressed_volume_that_is_cut_short_is_named_before_the_first_step() {
    let folder = folder();
    write_volume(&folder.path().join("a.nii"), texture(0));
    let broken = support::data("robustness/derived/truncated.nii.gz");
    let list = write_list(folder.path(), &["a.nii", text(&broken)]);
    let call = words(SMALL_NETWORK, &["--datalist", list, "--out", "run"]);
    refused(
        folder.path(),
        &call,
        FAILED,
        &["truncated.nii.gz", "truncated,"],
    );
}

#[test]
fn a_volume_without_foreground_is_refused() {
    let folder = folder();
    write_volume(&folder.path().join("air.nii"), |_| -1000);
    let list = write_list(folder.path(), &["air.nii"]);
    let call = words(SMALL_NETWORK, &["--datalist", list, "--out", "run"]);
    refused(folder.path(), &call, FAILED, &["air.nii", "no foreground"]);
    let call = words("preview --input air.nii --out picture.png", &[]);
    refused(folder.path(), &call, FAILED, &["air.nii", "no foreground"]);
}

#[test]
fn a_label_map_is_refused_as_an_image() {
    let folder = folder();
    let label = support::data("openkbp/labels/pt_002.nii.gz");
    let list = write_list(folder.path(), &[text(&label)]);
    let call = words(SMALL_NETWORK, &["--datalist", list, "--out", "run"]);
    refused(folder.path(), &call, FAILED, &["pt_002.nii.gz", "label"]);
    let call = ["preview", "--input", text(&label), "--out", "picture.png"];
    refused(folder.path(), &call, FAILED, &["pt_002.nii.gz", "label"]);
}

#[test]
fn input_that_is_no_volume_is_refused() {
    let folder = folder();
    std::fs::write(folder.path().join("notes.txt"), "not a volume").unwrap();
    std::fs::create_dir(folder.path().join("scans")).unwrap();
    for (input, reason) in [
        ("absent.nii", "no such file"),
        ("scans", "not a file"),
        ("notes.txt", "not a NIfTI file"),
    ] {
        let call = ["preview", "--input", input, "--out", "picture.png"];
        refused(folder.path(), &call, FAILED, &[input, reason]);
    }
}

#[test]
fn settings_that_cannot_be_read_are_refused() {
    let folder = folder();
    let path = folder.path().join("my.toml");
    for (content, part) in [
        ("[run]\nepoch = 3\n", "epoch"),
        ("[run]\nepochs = \"many\"\n", "epochs"),
        ("[runs]\nepochs = 3\n", "runs"),
        ("[run\nepochs = 3\n", "line 1"),
        ("[sampling]\nroi_size = 96\n", "roi_size"),
    ] {
        std::fs::write(&path, content).unwrap();
        refused(
            folder.path(),
            &["pretrain", "--config", "my.toml"],
            FAILED,
            &["my.toml", part],
        );
    }
    refused(
        folder.path(),
        &["pretrain", "--config", "absent.toml"],
        FAILED,
        &["absent.toml"],
    );
}

#[test]
fn an_unknown_preset_is_refused_with_those_there_are() {
    let parts = ["huge", "quickstart", "small", "tutorial"];
    refused(
        folder().path(),
        &["pretrain", "--preset", "huge"],
        FAILED,
        &parts,
    );
}

#[test]
fn a_device_that_does_not_exist_is_refused() {
    let folder = folder();
    for (device, code) in [
        ("vulkan:97", FAILED),
        ("cuda", WRONG_USAGE),
        ("gpu:x", WRONG_USAGE),
    ] {
        let part = device.split(':').next().unwrap();
        refused(
            folder.path(),
            &["pretrain", "--device", device],
            code,
            &[part],
        );
        let doctor = ["doctor", "--device", device];
        if code == WRONG_USAGE {
            refused(folder.path(), &doctor, code, &[part]);
            continue;
        }
        // Whoever asks for what is not there wants to see what is.
        let done = run(folder.path(), &doctor);
        assert_eq!(done.code, Some(code), "{}", done.told());
        assert!(done.stdout.contains("adapters"), "{}", done.told());
        assert!(done.stderr.contains(part), "{}", done.told());
    }
}

#[test]
fn values_that_cannot_work_are_refused_by_name() {
    let folder = folder();
    for (flags, part) in [
        ("--epochs 0", "epochs"),
        ("--roi-size 20 --patch-size 8", "20"),
        ("--patch-size 0", "patch size"),
        ("--roi-size 0", "an axis of the crop is 0"),
        ("--hidden-size 15 --heads 2", "heads"),
        ("--layers 0", "layers"),
        ("--spacing 0", "spacing"),
        ("--spacing nan", "spacing"),
        ("--spacing inf", "spacing"),
        ("--lr nan", "learning_rate"),
        ("--limit 0", "limit"),
        ("--phantoms 0", "phantoms"),
        ("--batch-volumes 0", "batch_volumes"),
        ("--ema-decay 1", "ema_decay"),
        ("--checkpoint-minutes nan", "checkpoint_minutes"),
        ("--intensity-min 500", "intensity"),
        ("--workers 100000", "workers"),
        ("--layers 1000000000", "layers"),
        ("--seed 18446744073709551615", "seed"),
        ("--temperature 1e-10", "temperature"),
        ("--encoder-rate 0.5", "encoder_rate"),
        ("--warmup-steps 18446744073709551615", "warmup_steps"),
        ("--restoration unetr --feature-size 0", "feature size"),
        ("--patch-size 512 --roi-size 512", "2^31"),
    ] {
        let call = words("pretrain --device cpu --out run", &words(flags, &[]));
        refused(folder.path(), &call, FAILED, &[part]);
    }
    for (flags, part) in [
        ("--validation random", "validation is random"),
        ("--roi-size 32,16,16", "quarter"),
        ("--flip-probability 1.5", "from 0 to 1"),
        ("--shift-offset -0.1", "shift_offset is -0.1"),
        (
            "--affine-scale 2",
            "affine_scale is 2: it must be from 0 to 1",
        ),
        ("--classes 1", "classes is 1: it must be 2 or more"),
    ] {
        let call = words("finetune --device cpu --out run", &words(flags, &[]));
        refused(folder.path(), &call, FAILED, &[part]);
    }
}

#[test]
fn values_of_the_wrong_kind_are_refused_with_their_flag() {
    let folder = folder();
    for (flag, value) in [
        ("--epochs", "-1"),
        ("--epochs", "many"),
        ("--roi-size", "-16"),
        ("--roi-size", "16,16"),
        ("--optimizer", "sgd"),
    ] {
        let call = ["pretrain", "--out", "run", flag, value];
        refused(folder.path(), &call, WRONG_USAGE, &[flag, value]);
    }
}

#[test]
fn flags_and_settings_files_name_the_optimiser_alike() {
    let folder = folder();
    let call = words(TINY, &["--optimizer", "adamw", "--out", "run"]);
    run(folder.path(), &call).succeeded();
    let config = std::fs::read_to_string(folder.path().join("run/config.toml")).unwrap();
    assert!(config.contains("optimizer = \"adamw\""), "{config}");
}

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
        let mut command = crate::command::program(folder.path());
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

#[cfg(unix)]
#[test]
fn a_run_whose_first_checkpoint_cannot_be_written_leaves_nothing() {
    let folder = folder();
    let call = format!("{TINY} --out run");
    let done = crate::command::fails_on_a_full_disk(folder.path(), &call);
    assert_eq!(
        entries(folder.path()),
        Vec::<String>::new(),
        "{}",
        done.told()
    );
}

#[test]
fn a_network_without_a_transformer_does_not_take_a_pre_trained_one() {
    let folder = folder();
    let call = words(
        "finetune --architecture unet --pretrained encoder.safetensors --out run --device cpu",
        &[],
    );
    refused(folder.path(), &call, FAILED, &["start.pretrained", "unetr"]);
}
