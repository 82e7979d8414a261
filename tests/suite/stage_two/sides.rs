//! Left and right as different classes.

use super::*;

#[test]
fn fine_tuning_warns_where_left_and_right_are_classes_and_patches_are_mirrored() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    // Their organs have a left and a right kidney.
    run(at, &words("phantom --small --cases 2 --out phantoms", &[])).succeeded();
    let train = "finetune --layers 3 --feature-size 4 --max-steps 1";
    for (out, more, warned) in [
        ("both", "", true),
        ("turned", "--flip-probability 0", true),
        (
            "neither",
            "--flip-probability 0 --rotate-probability 0",
            false,
        ),
    ] {
        let more = format!("--datalist phantoms/dataset.json --out {out} {more}");
        let done = run(at, &call(train, &more)).succeeded();
        let found = done.stderr.contains("kidney")
            && done
                .stderr
                .contains("--flip-probability 0 --rotate-probability 0");
        assert_eq!(found, warned, "{}", done.told());
    }
}
