//! Each room of `src/` knows only those above it in the table of ARCHITECTURE.md.

use super::{ROOT, files, read};
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::path::Path;

/// The rooms of `src/` in the order of the table in ARCHITECTURE.md: each may know those before it.
fn rooms() -> Vec<String> {
    let text = String::from_utf8(read(Path::new("ARCHITECTURE.md"))).expect("Markdown is UTF-8");
    text.lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once("/` |"))
        .map(|(room, _)| room.to_owned())
        .filter(|room| Path::new(ROOT).join("src").join(room).is_dir())
        .collect()
}

/// What the program has of a source file: not the tests at its end, and no comments.
pub(super) fn program(text: &str) -> impl Iterator<Item = &str> {
    let mark = "#[cfg(test)]\n";
    let opens_tests = |at: usize| {
        let next = text[at + mark.len()..].lines().next().unwrap_or_default();
        next.contains("mod ") && next.ends_with('{')
    };
    let mut marks = text.match_indices(mark).map(|(at, _)| at);
    let end = marks.find(|at| opens_tests(*at)).unwrap_or(text.len());
    text[..end]
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"))
}

/// What a program names of its crate: what follows `crate::`, of braces there the beginning of each path.
fn known(program: &str) -> Vec<&str> {
    let mut known = Vec::new();
    for path in program.split("crate::").skip(1) {
        match path.strip_prefix('{') {
            Some(group) => known.extend(paths(group).into_iter().map(first_name)),
            None => known.push(first_name(path)),
        }
    }
    // Behind a last comma.
    known.retain(|name| !name.is_empty());
    known
}

fn first_name(path: &str) -> &str {
    path.trim_start()
        .split(|c: char| !c.is_alphanumeric() && c != '_')
        .next()
        .unwrap_or_default()
}

/// The paths of a group, from behind its opening brace to the closing one.
fn paths(group: &str) -> Vec<&str> {
    let (mut depth, mut start, mut paths) = (0, 0, Vec::new());
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            ',' | '}' if depth == 0 => {
                paths.push(&group[start..at]);
                start = at + 1;
                if c == '}' {
                    break;
                }
            }
            '}' => depth -= 1,
            _ => {}
        }
    }
    paths
}

#[test]
fn every_room_knows_only_those_above_it_in_the_table() {
    let rooms = rooms();
    let place = |name: &str| rooms.iter().position(|room| room == name);
    let mut wrong = BTreeSet::new();
    for file in files() {
        let parts: Vec<&str> = file.iter().filter_map(OsStr::to_str).collect();
        let ["src", room, ref rest @ ..] = parts[..] else {
            continue;
        };
        if rest.is_empty() || rest.iter().any(|part| ["tests", "tests.rs"].contains(part)) {
            continue;
        }
        let own = place(room).unwrap_or_else(|| panic!("src/{room} is not in the table"));
        let text = String::from_utf8(read(&file)).expect("source is UTF-8");
        let text = program(&text).collect::<Vec<_>>().join("\n");
        for known in known(&text) {
            if place(known).is_some_and(|known| known > own) {
                wrong.insert(format!("{}: crate::{known}", file.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn the_program_of_a_file_is_told_from_its_tests() {
    let text = "use crate::a;\n// crate::b\n#[cfg(test)]\nuse crate::c;\n#[cfg(test)]\npub(super) mod tests {\nuse crate::d;\n}\n";
    let found: Vec<&str> = program(text).collect();
    assert_eq!(found, ["use crate::a;", "#[cfg(test)]", "use crate::c;"]);
}

#[test]
fn what_a_program_knows_is_read_from_paths_and_from_groups() {
    let program = "use crate::a::{B, C};\nuse crate::{\n    d::{E, f::{G, h}},\n    i_j,\n};\ncrate::k(crate::{l, m});";
    assert_eq!(known(program), ["a", "d", "i_j", "k", "l", "m"]);
}
