//! Things in a split file that are allowed but seldom meant.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::path::{Path, PathBuf};

use super::list::unread;
use super::{DataList, absolute, case_name, image_names};

/// Something in a split file that is allowed but seldom meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// An image stands more than once in one list, so it counts more than the others.
    Repeated {
        /// The list's key.
        list: &'static str,
        /// The image.
        image: PathBuf,
        /// How often it stands there.
        times: usize,
    },
    /// A scan stands in two lists, so the second does not measure unseen data.
    Shared {
        /// The keys of the two lists.
        lists: [&'static str; 2],
        /// The image, as the second has it; in the first it may be packed or unpacked.
        image: PathBuf,
    },
    /// Cases stand under keys that are none of the lists, so nothing reads them.
    Unread {
        /// The keys.
        keys: Vec<String>,
    },
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Notice::Repeated { list, image, times } => {
                write!(f, "{} stands {times} times in \"{list}\"", image.display())
            }
            Notice::Shared {
                lists: [a, b],
                image,
            } => write!(
                f,
                "the scan of {} stands in both \"{a}\" and \"{b}\": scores on \"{b}\" will be too good",
                image.display()
            ),
            Notice::Unread { keys } => f.write_str(&unread(keys)),
        }
    }
}

impl DataList {
    /// What is allowed but seldom meant: the same image twice in a list, the same scan in two lists, and lists under wrong
    /// keys. The spelling of paths does not matter. Nothing is removed, because a repeated item is also how a case is given
    /// more weight; show these as warnings.
    pub fn notices(&self) -> Vec<Notice> {
        let lists = [
            ("training", &self.training),
            ("validation", &self.validation),
            ("test", &self.test),
        ];
        let mut notices = Vec::new();
        if !self.unknown.is_empty() {
            notices.push(Notice::Unread {
                keys: self.unknown.clone(),
            });
        }
        for (list, cases) in lists {
            let files: Vec<PathBuf> = cases.iter().map(|case| absolute(&case.image)).collect();
            let mut times: HashMap<&Path, usize> = HashMap::new();
            for file in &files {
                *times.entry(file.as_path()).or_default() += 1;
            }
            for (case, file) in cases.iter().zip(&files) {
                if let Some(times) = times.remove(file.as_path()).filter(|&t| t > 1) {
                    notices.push(Notice::Repeated {
                        list,
                        image: case.image.clone(),
                        times,
                    });
                }
            }
        }
        for (a, b) in [(0, 1), (0, 2), (1, 2)] {
            let ((first, seen), (second, cases)) = (lists[a], lists[b]);
            let mut seen: HashSet<PathBuf> = seen.iter().map(|case| scan(&case.image)).collect();
            for case in cases {
                if seen.remove(&scan(&case.image)) {
                    notices.push(Notice::Shared {
                        lists: [first, second],
                        image: case.image.clone(),
                    });
                }
            }
        }
        notices
    }

    /// Images for the test that have the names of others for training or validation, as `imagesTs/a.nii` has that of
    /// `imagesTr/a.nii`: they may be the same scans.
    pub fn namesakes(&self) -> Vec<&Path> {
        let seen = [self.training.as_slice(), self.validation.as_slice()].concat();
        let names: HashSet<String> = image_names(&seen).into_iter().collect();
        let seen: HashSet<PathBuf> = seen.iter().map(|case| scan(&case.image)).collect();
        let test = self.test.iter().map(|case| case.image.as_path());
        let same = image_names(&self.test).into_iter().zip(test);
        same.filter(|(name, image)| names.contains(name) && !seen.contains(&scan(image)))
            .map(|(_, image)| image)
            .collect()
    }
}

/// What the files of a scan have in common, however a path to one is spelt: their place and name without the ending, for
/// a scan may lie there packed and unpacked.
pub fn scan(image: &Path) -> PathBuf {
    let file = absolute(image);
    let case = case_name(&file.to_string_lossy()).to_owned();
    file.with_file_name(case)
}

#[cfg(test)]
mod tests {
    use super::super::{Case, DatasetError};
    use super::*;

    #[test]
    fn repeated_and_shared_images_are_noticed_once_each_and_kept() -> Result<(), DatasetError> {
        let list = DataList::parse(
            r#"{"training": ["a", "b", "./a", "a"], "validation": ["b", "c"], "test": ["c", "c", "d"]}"#
                .as_bytes(),
            "split.json",
            Path::new("/data"),
        )?;
        assert_eq!(list.training.len(), 4);
        let image = |name: &str| Path::new("/data").join(name);
        let repeated = |list, name, times| Notice::Repeated {
            list,
            image: image(name),
            times,
        };
        let shared = |lists, name| Notice::Shared {
            lists,
            image: image(name),
        };
        assert_eq!(
            list.notices(),
            [
                repeated("training", "a", 3),
                repeated("test", "c", 2),
                shared(["training", "validation"], "b"),
                shared(["validation", "test"], "c"),
            ]
        );
        Ok(())
    }

    #[test]
    fn a_scan_is_noticed_in_two_lists_however_its_path_is_spelt_and_its_file_packed() {
        let case = |image: &Path| Case {
            image: image.to_path_buf(),
            label: None,
        };
        let cases = |images: &[&str]| -> Vec<Case> {
            let paths = images.iter().map(Path::new);
            paths.map(case).collect()
        };
        let whole = std::env::current_dir().unwrap().join("p/a.nii");
        let list = DataList {
            training: cases(&["p/a.nii", "p/b.nii", "q/../p/c.nii"]),
            validation: vec![case(&whole), case(&whole)],
            // Of another folder, of another name, and one that is packed.
            test: cases(&["q/b.nii", "p/b.nii.nii", "p/c.nii.gz"]),
            ..DataList::default()
        };
        let expected = [
            Notice::Repeated {
                list: "validation",
                image: whole.clone(),
                times: 2,
            },
            Notice::Shared {
                lists: ["training", "validation"],
                image: whole,
            },
            Notice::Shared {
                lists: ["training", "test"],
                image: PathBuf::from("p/c.nii.gz"),
            },
        ];
        assert_eq!(list.notices(), expected);
    }

    #[test]
    fn test_images_with_names_of_others_are_told_where_names_tell_cases_apart()
    -> Result<(), DatasetError> {
        for (training, test, told) in [
            (["Tr/a", "Tr/b"], ["Ts/a", "Ts/c"], 1),
            (["Tr/a", "Tr/b"], ["Ts/c", "Ts/d"], 0),
            // The same file is told of as such.
            (["Tr/a", "Tr/b"], ["Tr/a", "Ts/c"], 0),
            // A folder per patient.
            (["p1/ct", "p2/ct"], ["p3/ct", "p4/ct"], 0),
        ] {
            let text = serde_json::json!({ "training": training, "test": test }).to_string();
            let list = DataList::parse(text.as_bytes(), "split.json", Path::new("/data"))?;
            let found = list.namesakes();
            assert_eq!(found.len(), told, "{test:?}: {found:?}");
            assert!(found.iter().all(|image| image.ends_with("Ts/a")));
        }
        Ok(())
    }
}
