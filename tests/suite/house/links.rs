//! Relative links in Markdown lead to a file or folder of the repository, and to a heading where they name one.

use super::{files, read};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};

/// The lines of a Markdown text that are not in a block of code.
fn prose(markdown: &str) -> impl Iterator<Item = &str> {
    let mut fenced = false;
    markdown.lines().filter(move |line| {
        let fence = line.trim_start().starts_with("```");
        fenced ^= fence;
        !fenced && !fence
    })
}

/// Where the links and pictures of a Markdown text point, Markdown's and HTML's, without those inside code.
fn link_targets(markdown: &str) -> Vec<String> {
    let mut targets = Vec::new();
    for line in prose(markdown) {
        let line: String = line.split('`').step_by(2).collect::<Vec<_>>().join("`");
        for (opening, closing) in [("](", ')'), ("src=\"", '"'), ("href=\"", '"')] {
            targets.extend(line.split(opening).skip(1).filter_map(|rest| {
                let target = rest.split(closing).next()?;
                // A title may follow the target.
                target.split_whitespace().next().map(str::to_owned)
            }));
        }
        // [label]: target
        if let Some((_, target)) = line
            .strip_prefix('[')
            .and_then(|rest| rest.split_once("]: "))
        {
            targets.push(target.trim().to_owned());
        }
    }
    targets
}

/// What links call the headings of a Markdown text, as GitHub makes it of them: in small letters, with `-` for blanks,
/// without marks, and with a number where it was there before. The headings hold no links.
fn anchors(markdown: &str) -> BTreeSet<String> {
    let mut counts = BTreeMap::<String, usize>::new();
    let mut anchors = BTreeSet::new();
    for line in prose(markdown) {
        let title = line.trim_start_matches('#');
        if title.len() == line.len() || !title.starts_with(' ') {
            continue;
        }
        let kept = |c: &char| c.is_alphanumeric() || "-_ ".contains(*c);
        let title = title.trim().to_lowercase();
        let name: String = title.chars().filter(kept).collect();
        let name = name.replace(' ', "-");
        let before = counts.entry(name.clone()).or_default();
        anchors.insert(match *before {
            0 => name,
            number => format!("{name}-{number}"),
        });
        *before += 1;
    }
    anchors
}

/// The file or folder of the repository that a relative link in `page` names, which is the page itself for a heading alone;
/// none for a way out of the repository.
fn resolve(page: &Path, target: &str) -> Option<PathBuf> {
    let path = target.split('#').next().unwrap_or_default();
    if path.is_empty() {
        return Some(page.to_owned());
    }
    let mut resolved = page.parent().map(PathBuf::from).unwrap_or_default();
    for component in Path::new(path).components() {
        match component {
            Component::Normal(name) => resolved.push(name),
            Component::CurDir => {}
            Component::ParentDir => {
                if !resolved.pop() {
                    return None;
                }
            }
            Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    Some(resolved)
}

fn is_relative(target: &str) -> bool {
    !(target.contains("://") || target.starts_with("mailto:"))
}

#[test]
fn every_relative_link_points_to_a_file_of_the_repository_and_a_heading_of_it() {
    let files = files();
    let pages: BTreeMap<&Path, String> = files
        .iter()
        .filter(|file| file.extension() == Some("md".as_ref()))
        .map(|page| {
            let text = String::from_utf8(read(page)).expect("Markdown is UTF-8");
            (page.as_path(), text)
        })
        .collect();
    let leads = |page: &Path, target: &str| {
        let Some(path) = resolve(page, target) else {
            return false;
        };
        match (pages.get(path.as_path()), target.split_once('#')) {
            (Some(text), Some((_, heading))) => anchors(text).contains(heading),
            _ => files.iter().any(|file| file.starts_with(&path)),
        }
    };
    let mut broken = Vec::new();
    for (page, text) in &pages {
        for target in link_targets(text).iter().filter(|t| is_relative(t)) {
            if !leads(page, target) {
                broken.push(format!("{}: {target}", page.display()));
            }
        }
    }
    assert!(broken.is_empty(), "broken links:\n{}", broken.join("\n"));
}

#[test]
fn links_are_found_in_every_form() {
    let page = "[a](a.md#part) ![b](b/c.png \"title\") `[code](no.md)`\n<img src=\"d.png\">\n```\n[e](no.md)\n```\n[f]: f.md";
    assert_eq!(
        link_targets(page),
        ["a.md#part", "b/c.png", "d.png", "f.md"]
    );
    let from = Path::new("docs/page.md");
    assert_eq!(resolve(from, "a.md#part"), Some("docs/a.md".into()));
    assert_eq!(resolve(from, "#part"), Some("docs/page.md".into()));
    assert_eq!(resolve(from, "../src/"), Some("src".into()));
    assert_eq!(resolve(from, "../../shared"), None);
    assert!(is_relative("#part") && !is_relative("https://example.org/#part"));
}

#[test]
fn headings_are_called_as_links_call_them() {
    let page =
        "# A, b's `C_d`\n#no heading\n```sh\n# a comment\n```\n## 5 e-f (g)\n### Twice\n## Twice";
    let found: Vec<String> = anchors(page).into_iter().collect();
    assert_eq!(found, ["5-e-f-g", "a-bs-c_d", "twice", "twice-1"]);
}
