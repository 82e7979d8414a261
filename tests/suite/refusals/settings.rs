//! Settings that cannot work, from flags and from files.

use crate::command::{FAILED, TINY, WRONG_USAGE, folder, refused, run, words};

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
        ("--temperature 1e39", "temperature is 1e39"),
        ("--contrastive-weight 1e39", "contrastive_weight is 1e39"),
        ("--lr 1e39", "learning_rate is 1e39"),
        ("--clip-norm 1e-60", "clip_norm is 1e-60"),
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
        ("--roi-size 32,16,16 --rotate-probability 0.1", "quarter"),
        ("--flip-probability 1.5", "from 0 to 1"),
        ("--shift-offset -0.1", "shift_offset is -0.1"),
        (
            "--affine-scale 2",
            "affine_scale is 2: it must be from 0 to 1",
        ),
        ("--classes 1", "classes is 1: it must be 2 or more"),
        (
            "--lr 1e20 --encoder-rate 1e20",
            "learning_rate times encoder_rate or head_rate",
        ),
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
fn a_network_without_a_transformer_does_not_take_a_pre_trained_one() {
    let folder = folder();
    let call = words(
        "finetune --architecture unet --pretrained encoder.safetensors --out run --device cpu",
        &[],
    );
    refused(folder.path(), &call, FAILED, &["start.pretrained", "unetr"]);
}

#[test]
fn counts_that_cannot_work_are_refused_before_anything_is_made() {
    let folder = folder();
    for (call, parts) in [
        (
            "phantom --out phantoms --cases 100001",
            ["--cases is 100001", "100000"],
        ),
        (
            "phantom --out phantoms --cases 18446744073709551615",
            ["--cases", "100000"],
        ),
        (
            "bench step --device cpu --accumulation 0",
            ["--accumulation is 0", "above 0"],
        ),
    ] {
        refused(folder.path(), &words(call, &[]), FAILED, &parts);
    }
}
