//! What the program says while it works and when it is done.

use crate::command::{folder, run, words};

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
