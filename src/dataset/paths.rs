//! Paths by their text.

use std::path::{Component, Path, PathBuf};

/// Removes `.` and resolves `..` by the text of the path alone, as the original does: a symbolic link
/// before a `..` is not followed.
pub(super) fn normalise(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => match out.components().next_back() {
                Some(Component::Normal(_)) => {
                    out.pop();
                }
                Some(Component::RootDir) => {}
                _ => out.push(component),
            },
            other => out.push(other),
        }
    }
    out
}

/// A path from the root, normalised by its text: one for all spellings of a file that do not differ by a link. A path
/// from nowhere, as on the page, which has no working folder, is normalised alone.
pub fn absolute(path: &Path) -> PathBuf {
    let whole = std::path::absolute(path);
    normalise(whole.as_deref().unwrap_or(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_normalised_by_their_text() {
        for (path, expected) in [
            ("/data/./a//b/../c.nii", "/data/a/c.nii"),
            ("../x/../../y.nii", "../../y.nii"),
            ("/../a.nii", "/a.nii"),
        ] {
            assert_eq!(normalise(Path::new(path)), Path::new(expected));
        }
    }

    #[test]
    fn all_spellings_of_a_file_have_one_absolute_path() {
        let here = std::env::current_dir().unwrap();
        let whole = here.join("p/ct.nii");
        for path in ["p/ct.nii", "./p/ct.nii", "q/../p//ct.nii"] {
            assert_eq!(absolute(Path::new(path)), whole, "{path}");
        }
        assert_eq!(absolute(&here.join("q/../p/ct.nii")), whole);
        assert_eq!(absolute(Path::new("")), Path::new(""));
    }
}
