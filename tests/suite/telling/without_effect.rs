//! Flags, a term of the loss, and steps that have no effect.

use super::FINETUNE;
use crate::command::{
    Done, FAILED, SMALL_NETWORK, folder, run, texture, words, write_list, write_volume,
};

/// How many warnings say this.
fn warnings(done: &Done, told: &str) -> usize {
    let lines = done.stderr.lines();
    lines
        .filter(|line| line.contains("WARN") && line.contains(told))
        .count()
}

#[test]
fn flags_that_do_nothing_beside_others_are_told_in_one_line() {
    let folder = folder();
    let at = folder.path();
    let more = "--max-steps 1 --architecture unet --encoder-rate 0.5 --resize-positions --cache-memory 1 --out run";
    let done = run(at, &words(FINETUNE, &words(more, &[]))).succeeded();
    for told in [
        "--encoder-rate, --hidden-size, --mlp-dim, --layers and --heads do nothing for a unet",
        "--resize-positions does nothing without --pretrained",
        "--cache-memory does nothing for phantoms",
    ] {
        assert_eq!(warnings(&done, told), 1, "{told}{}", done.told());
    }
    write_volume(&at.join("a.nii"), texture(0));
    let list = write_list(at, &["a.nii"]);
    let more = words(
        "--phantoms 3 --max-steps 1 --out listed --datalist",
        &[list],
    );
    let done = run(at, &words(SMALL_NETWORK, &more)).succeeded();
    let told = "--phantoms does nothing with a --datalist";
    assert_eq!(warnings(&done, told), 1, "{}", done.told());
    assert_eq!(warnings(&done, "do nothing"), 0, "{}", done.told());
}

#[test]
fn options_of_a_transformer_that_convert_a_unet_are_told() {
    let folder = folder();
    let at = folder.path();
    let more = words("--max-steps 1 --architecture unet --out run", &[]);
    run(at, &words(FINETUNE, &more)).succeeded();
    let convert = |more: &str| {
        let call = format!("convert --input run --output unet.safetensors {more}");
        run(at, &words(&call, &[])).succeeded()
    };
    for (more, told) in [
        (
            "--monai 1.5 --patch-grid 2",
            "--monai and --patch-grid do nothing for a U-Net",
        ),
        ("--monai 1.5", "--monai does nothing for a U-Net"),
    ] {
        let done = convert(more);
        assert_eq!(warnings(&done, told), 1, "{}", done.told());
    }
    let done = convert("");
    assert_eq!(warnings(&done, "nothing for a U-Net"), 0, "{}", done.told());
}

#[test]
fn a_list_too_short_for_the_contrastive_term_is_told() {
    let folder = folder();
    let at = folder.path();
    for (number, name) in ["a.nii", "b.nii"].into_iter().enumerate() {
        write_volume(&at.join(name), texture(number));
    }
    let call = SMALL_NETWORK.replace("--batch-volumes 1", "--batch-volumes 4");
    for (images, told) in [(&["a.nii"][..], 1), (&["a.nii", "b.nii"][..], 0)] {
        let list = write_list(at, images);
        let out = format!("run{told}");
        let call = words(&call, &["--datalist", list, "--out", &out]);
        let done = run(at, &call).succeeded();
        let part = "a part of a step holds one crop";
        assert_eq!(warnings(&done, part), told, "{}", done.told());
    }
}

#[test]
fn a_run_whose_every_step_was_skipped_fails_and_keeps_its_folder() {
    let folder = folder();
    let at = folder.path();
    // Finite itself, and its gradients' squares are not.
    let call = "pretrain --phantoms 2 --roi-size 16 --patch-size 8 --hidden-size 16 --mlp-dim 16 --layers 1 --heads 2 \
                --spacing 8 --max-steps 2 --batch-volumes 1 --samples-per-volume 2 --contrastive-weight 1e30 --out run";
    for call in [call, "pretrain --resume run"] {
        let done = run(at, &words(call, &["--device", "cpu"]));
        assert_eq!(done.code, Some(FAILED), "{}", done.told());
        let last = done.stderr.lines().last().unwrap_or_default();
        for part in ["error: ", "2 steps in a row", "a lower learning rate"] {
            assert!(last.contains(part), "{}", done.told());
        }
        assert!(at.join("run/checkpoints/last/manifest.json").exists());
    }
}
