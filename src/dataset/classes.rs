//! Which classes the labels of a data set hold.

use std::fmt;

use super::{DatasetError, VolumeSource};
use crate::transform::Labelled;

/// Something about the labels of a data set that is allowed but seldom meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClassNotice {
    /// No case has a voxel of a class, so it cannot be learnt.
    Absent {
        /// The class.
        class: usize,
        /// Its name, or its number.
        name: String,
    },
    /// A case has no label but background.
    Unlabelled {
        /// The case.
        name: String,
    },
}

impl fmt::Display for ClassNotice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absent { class, name } => write!(
                f,
                "class {class} ({name}) occurs in no case of this list: it can be neither learnt nor scored"
            ),
            Self::Unlabelled { name } => write!(
                f,
                "{name} has no labelled voxel: its patches hold background only"
            ),
        }
    }
}

/// Goes through all cases of a source and notices classes from 1 to `classes - 1` that never occur, and
/// cases without any label. Small structures may have been lost on the way to the prepared grid.
///
/// `names` holds the names of the classes by number, as far as they are known.
///
/// # Errors
/// The first case that cannot be used.
pub fn class_notices(
    source: &dyn VolumeSource<Labelled>,
    classes: usize,
    names: &[String],
) -> Result<Vec<ClassNotice>, DatasetError> {
    let mut seen = [false; 256];
    let mut notices = Vec::new();
    for index in 0..source.len() {
        let case = source.volume(index)?;
        let mut labelled = false;
        for &label in &case.label {
            seen[usize::from(label)] = true;
            labelled |= label != 0;
        }
        if !labelled {
            notices.push(ClassNotice::Unlabelled {
                name: source.name(index),
            });
        }
    }
    let absent = seen.iter().enumerate().take(classes).skip(1);
    notices.extend(absent.filter(|(_, seen)| !**seen).map(|(class, _)| {
        let name = names.get(class).cloned();
        ClassNotice::Absent {
            class,
            name: name.unwrap_or_else(|| "unnamed".to_owned()),
        }
    }));
    Ok(notices)
}
