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
}
