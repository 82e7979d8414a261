//! Which classes the labels of a data set hold, and what they are called.

use std::collections::BTreeSet;
use std::fmt;
use std::ops::ControlFlow;
use std::sync::{Mutex, PoisonError};

use super::loader::run_all;
use super::{DatasetError, VolumeSource};
use crate::transform::Labelled;

/// Something about the labels of a data set that is allowed but seldom meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClassNotice {
    /// No case has a voxel of a class, so it cannot be learnt.
    Absent {
        /// The class.
        class: usize,
        /// What [`class_names`] calls it.
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
            Self::Absent { class, name } => {
                write!(f, "class {class}")?;
                if says_more_than_number(*class, name) {
                    write!(f, " ({name})")?;
                }
                f.write_str(
                    " occurs in no case of this list: it cannot be learnt, and scores 0 where a validation or test case has it",
                )
            }
            Self::Unlabelled { name } => write!(
                f,
                "{name} has no labelled voxel: its patches hold background only"
            ),
        }
    }
}

/// A name for each of `classes` classes by number: those given, and `background` or the number where there is none.
pub fn class_names(given: &[String], classes: usize) -> Vec<String> {
    let number = |class| match class {
        0 => "background".to_owned(),
        _ => format!("class {class}"),
    };
    let rest = (given.len()..classes).map(number);
    given.iter().cloned().chain(rest).take(classes).collect()
}

/// Whether the name of a class is more than what [`class_names`] makes of its number.
pub fn says_more_than_number(class: usize, name: &str) -> bool {
    name != format!("class {class}")
}

/// Goes through all cases of a source to train on, at most `workers` at a time, and notices classes from 1 to
/// `classes - 1` that never occur, and cases without any label. Small structures may have been lost on the way to the
/// prepared grid.
///
/// `names` holds the names of the classes by number, as far as they are known. `progress(done, total)` is called after
/// each case, from any thread; `Break` stops early.
///
/// # Errors
/// As [`warm_up`](super::warm_up).
pub fn class_notices(
    source: &dyn VolumeSource<Labelled>,
    workers: usize,
    (classes, names): (usize, &[String]),
    progress: impl Fn(usize, usize) -> ControlFlow<()> + Sync,
) -> Result<Vec<ClassNotice>, DatasetError> {
    // Which classes some case has, and the cases without any.
    let found = Mutex::new(([false; 256], BTreeSet::new()));
    let look = |index: usize| -> Result<(), DatasetError> {
        let case = source.volume(index)?;
        let mut present = [false; 256];
        for &label in &case.label {
            present[usize::from(label)] = true;
        }
        let mut found = found.lock().unwrap_or_else(PoisonError::into_inner);
        let (seen, unlabelled) = &mut *found;
        for (seen, present) in seen.iter_mut().zip(present) {
            *seen |= present;
        }
        if !present.iter().skip(1).any(|present| *present) {
            unlabelled.insert(index);
        }
        Ok(())
    };
    run_all(workers, (source.len(), "cases"), look, progress)?;
    let (seen, unlabelled) = found.into_inner().unwrap_or_else(PoisonError::into_inner);
    let unlabelled = unlabelled.into_iter().map(|index| ClassNotice::Unlabelled {
        name: source.name(index),
    });
    let named = seen.iter().zip(class_names(names, classes));
    let absent = named.enumerate().skip(1).filter(|(_, (seen, _))| !**seen);
    let absent = absent.map(|(class, (_, name))| ClassNotice::Absent { class, name });
    Ok(unlabelled.chain(absent).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::MemorySource;
    use crate::transform::{FinetuneTransform, IntensityWindow};
    use crate::volume::{Affine, Volume};

    /// What is told of a case of so many classes with these labels in turn.
    fn told(labels: &[f32], classes: usize) -> Vec<ClassNotice> {
        let volume = |data| Volume::new([8; 3], data, Affine::identity()).unwrap();
        let image = (0..512_u16).map(|n| f32::from(1 + n % 3)).collect();
        let label = labels.iter().copied().cycle().take(512).collect();
        let transform = FinetuneTransform {
            spacing: [1.0; 3],
            intensity: IntensityWindow { min: 0.0, max: 4.0 }.into(),
            patch: [8; 3],
            classes,
            ..FinetuneTransform::default()
        };
        let case = ("a".to_owned(), volume(image), volume(label));
        let source = MemorySource::prepare_labelled([case], &transform).unwrap();
        let names: &[String] = &[];
        let go_on = |_, _| ControlFlow::Continue(());
        class_notices(&source, 1, (classes, names), go_on).unwrap()
    }

    #[test]
    fn a_class_without_a_voxel_is_told_but_not_the_background() {
        assert!(told(&[1.0, 2.0], 3).is_empty());
        let absent = told(&[1.0, 2.0], 4);
        let third = matches!(absent[..], [ClassNotice::Absent { class: 3, .. }]);
        assert!(third, "{absent:?}");
    }

    #[test]
    fn classes_without_a_name_are_called_by_their_number() {
        let given = ["air", "liver"].map(str::to_owned);
        let all = class_names(&given, 4);
        assert_eq!(all, ["air", "liver", "class 2", "class 3"]);
        assert_eq!(class_names(&given, 1), ["air"]);
        assert_eq!(class_names(&[], 2), ["background", "class 1"]);
    }

    #[test]
    fn a_notice_says_the_number_once() {
        let text = |name: &str| {
            let name = name.to_owned();
            ClassNotice::Absent { class: 2, name }.to_string()
        };
        assert!(text("liver").starts_with("class 2 (liver) occurs in no case"));
        assert!(text("class 2").starts_with("class 2 occurs in no case"));
    }
}
