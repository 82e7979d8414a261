//! What differs by the machine that the program is built for stands where ARCHITECTURE.md says.

use super::rooms::program;
use super::{files, read};
use std::path::{Path, PathBuf};

/// The files and folders that ARCHITECTURE.md names for it.
fn places() -> Vec<PathBuf> {
    let text = String::from_utf8(read(Path::new("ARCHITECTURE.md"))).expect("Markdown is UTF-8");
    let (_, rule) = text
        .split_once("`cfg(target…)` stands in ")
        .expect("the rule begins so");
    let (rule, _) = rule.split_once("nowhere else").expect("the rule ends so");
    let names = rule.split('`').skip(1).step_by(2);
    names
        .map(|name| match name.starts_with("web/") {
            true => PathBuf::from(name),
            false => Path::new("src").join(name),
        })
        .collect()
}

/// Whether a line, or what follows it up to the end of an attribute, asks what the program is built for.
fn asks(line: &str) -> bool {
    let words = |c: char| !(c.is_alphanumeric() || c == '_');
    let (_, question) = line.split_once("cfg").unwrap_or_default();
    // Names of features stand in quotes.
    let question: String = question.split('"').step_by(2).collect();
    question
        .split(words)
        .any(|word| ["unix", "windows"].contains(&word) || word.starts_with("target_"))
}

/// The lines of a program, those of an attribute joined.
fn joined<'a>(lines: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut joined: Vec<String> = Vec::new();
    let mut open = false;
    for line in lines {
        match joined.last_mut().filter(|_| open) {
            Some(last) => last.push_str(line.trim()),
            None => joined.push(line.trim().to_owned()),
        }
        let last = joined.last().map_or("", String::as_str);
        open = last.starts_with("#[cfg") && !last.ends_with(']');
    }
    joined
}

#[test]
fn targets_differ_only_where_architecture_says() {
    let (files, places) = (files(), places());
    for place in &places {
        let there = files.iter().any(|file| file.starts_with(place));
        assert!(there, "there is no {}", place.display());
    }
    let mut wrong = Vec::new();
    for file in &files {
        let source = file.extension() == Some("rs".as_ref())
            && ["src", "web"].iter().any(|folder| file.starts_with(folder));
        let test = file
            .iter()
            .any(|part| part == "tests" || part == "tests.rs");
        if !source || test || places.iter().any(|place| file.starts_with(place)) {
            continue;
        }
        let text = String::from_utf8(read(file)).expect("source is UTF-8");
        let lines = joined(program(&text)).into_iter();
        let lines = lines.filter(|line| asks(line));
        wrong.extend(lines.map(|line| format!("{}: {line}", file.display())));
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn a_line_that_asks_for_the_target_is_known_by_its_words() {
    for line in [
        "#[cfg(not(target_family = \"wasm\"))]",
        "#[cfg(unix)]",
        "#[cfg(any(feature = \"cli\", unix))]",
        "#[cfg(all(test, windows))]",
        "let old = cfg!(any(windows, target_os = \"macos\"));",
    ] {
        assert!(asks(line), "{line}");
    }
    assert!(!asks("#[cfg(feature = \"cli\")]"));
    assert!(!asks("#[cfg(feature = \"unix\")]"));
    let broken = joined("#[cfg(all(\n    unix,\n    test\n))]\nfn main() {}".lines());
    assert!(broken.len() == 2 && asks(&broken[0]), "{broken:?}");
    assert!(!asks("let target_size = 4;"));
}
