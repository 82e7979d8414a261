//! The rules every file of the repository keeps: format, lints, the browser target, sizes, paths; links, rooms and
//! targets below.

mod links;
mod rooms;
mod targets;

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
const LARGEST_FILE: u64 = 4 << 20;

/// What a tool printed; panics with it when the tool failed.
fn succeed(command: &mut Command) -> Vec<u8> {
    let output = command
        .current_dir(ROOT)
        .output()
        .unwrap_or_else(|error| panic!("{command:?} does not start: {error}"));
    assert!(
        output.status.success(),
        "{command:?} failed ({}):\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    output.stdout
}

/// The cargo that runs this test, on the same target folder.
fn cargo() -> Command {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
    let target = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .parent()
        .expect("tmp lies in the target folder");
    let mut command = Command::new(program);
    command.env("CARGO_TARGET_DIR", target);
    command.env("CARGO_TERM_COLOR", "never");
    command
}

/// Tracked files and those that git would add, relative to the root.
fn files() -> BTreeSet<PathBuf> {
    let listed = succeed(Command::new("git").args([
        "ls-files",
        "-z",
        "--cached",
        "--others",
        "--exclude-standard",
    ]));
    let files: BTreeSet<PathBuf> = listed
        .split(|byte| *byte == 0)
        .filter(|name| !name.is_empty())
        .map(|name| PathBuf::from(std::str::from_utf8(name).expect("file names are UTF-8")))
        // A file that was removed but not yet from the index.
        .filter(|name| Path::new(ROOT).join(name).is_file())
        .collect();
    assert!(
        files.contains(Path::new("Cargo.toml")),
        "git lists no Cargo.toml"
    );
    files
}

fn read(file: &Path) -> Vec<u8> {
    std::fs::read(Path::new(ROOT).join(file))
        .unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

#[test]
fn these_tests_were_built_from_this_checkout() {
    // Cargo takes the build of another checkout in the same target folder for this one's when its files are newer.
    let running = std::env::var("CARGO_MANIFEST_DIR").expect("cargo and nextest set it");
    assert_eq!(running, ROOT, "touch src/lib.rs, or use scripts/test");
}

#[test]
fn every_source_file_is_formatted() {
    succeed(cargo().args(["fmt", "--check"]));
}

/// Lints the targets that these arguments of cargo choose.
fn lint(targets: &[&str]) {
    succeed(
        cargo()
            .args(["clippy", "--release", "--locked", "--quiet"])
            .args(targets)
            .args(["--", "--deny=warnings"]),
    );
}

#[test]
fn no_lint_fires() {
    lint(&["--all-targets"]);
}

/// The page's programs, which a native build leaves out, and the library as they have it.
#[test]
fn no_lint_fires_in_the_browser() {
    lint(&[
        "--bins",
        "--target=wasm32-unknown-unknown",
        "--no-default-features",
        "--features=web",
    ]);
}

#[test]
fn no_file_is_larger_than_4_mib() {
    let large: Vec<_> = files()
        .into_iter()
        .filter(|file| read(file).len() as u64 > LARGEST_FILE)
        .collect();
    assert!(large.is_empty(), "over 4 MiB: {large:?}");
}

#[test]
fn no_file_names_a_folder_of_somebodys_machine() {
    // In two parts, for this file is searched too.
    let homes = ["root", "home", "Users"].map(|name| format!("/{name}/").into_bytes());
    let found: Vec<_> = files()
        .into_iter()
        .filter(|file| {
            let bytes = read(file);
            homes
                .iter()
                .any(|home| bytes.windows(home.len()).any(|window| window == home))
        })
        .collect();
    assert!(found.is_empty(), "a path of one machine in: {found:?}");
}

/// `trunk serve` ends at once where it is told to watch what is not there.
#[test]
fn everything_trunk_watches_is_in_the_repository() {
    let text = std::fs::read_to_string(Path::new(ROOT).join("Trunk.toml")).unwrap();
    let settings: toml::Table = toml::from_str(&text).unwrap();
    let watched = settings["watch"]["watch"].as_array().unwrap();
    assert!(!watched.is_empty());
    assert!(settings["watch"].get("ignore").is_none());
    for path in watched {
        let path = path.as_str().unwrap();
        let listed = succeed(Command::new("git").args(["ls-files", "--", path]));
        assert!(!listed.is_empty(), "{path}");
    }
}
