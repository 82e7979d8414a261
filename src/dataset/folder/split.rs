//! Which cases of a folder are for validation.

use crate::dataset::Case;
use std::collections::BTreeSet;
use std::path::Path;

/// One case in this many goes to validation when a folder is used without a split file.
const VALIDATION_SHARE: usize = 10;

/// Training and validation cases, each in the order given. Images for which `of` gives the same name belong together:
/// they count as one, and stay on one side, which the hash of the name alone decides.
pub(super) fn set_aside(cases: Vec<Case>, of: impl Fn(&Path) -> String) -> (Vec<Case>, Vec<Case>) {
    let hash =
        |case: &Case| -> [u8; 32] { blake3::hash(of(case.image.as_path()).as_bytes()).into() };
    let hashes: BTreeSet<[u8; 32]> = cases.iter().map(&hash).collect();
    let held_out = match hashes.len() {
        0 | 1 => 0,
        n => ((n + VALIDATION_SHARE / 2) / VALIDATION_SHARE).max(1),
    };
    let aside: BTreeSet<[u8; 32]> = hashes.into_iter().take(held_out).collect();
    cases
        .into_iter()
        .partition(|case| !aside.contains(&hash(case)))
}
