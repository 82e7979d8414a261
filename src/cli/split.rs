//! The cases of a list that a command works on.

use crate::cli::output::count;
use crate::dataset::{Case, DataList, Notice};
use anyhow::ensure;
use std::ops::Range;
use std::path::Path;

/// Which list of a split file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Split {
    /// Training cases
    Training,
    /// Validation cases
    Validation,
    /// Test cases
    Test,
}

impl Split {
    /// Its cases, of which there is at least one; lists under wrong keys are told of. `unlabelled` says what to do where
    /// the test images of a folder, `datalist`, have no label maps, which is why it lists none.
    pub(super) fn cases<'a>(
        self,
        list: &'a DataList,
        datalist: &Path,
        unlabelled: &str,
    ) -> anyhow::Result<&'a [Case]> {
        let (split, cases) = match self {
            Split::Training => ("training", list.training.as_slice()),
            Split::Validation => ("validation", list.validation.as_slice()),
            Split::Test => ("test", list.test.as_slice()),
        };
        for notice in list.notices() {
            if let Notice::Unread { .. } = notice {
                log::warn!("{notice}");
            }
        }
        ensure!(
            !cases.is_empty(),
            "the list \"{split}\" is empty: {}",
            self.why_empty(datalist, unlabelled)
        );
        Ok(cases)
    }

    /// Where its cases lie among [those of all lists](DataList::all).
    pub(super) fn range(self, list: &DataList) -> Range<usize> {
        let training = list.training.len();
        let labelled = training + list.validation.len();
        match self {
            Split::Training => 0..training,
            Split::Validation => training..labelled,
            Split::Test => labelled..labelled + list.test.len(),
        }
    }

    /// Why it has no cases, as far as it is known, and what to do.
    fn why_empty(self, datalist: &Path, unlabelled: &str) -> String {
        // A split file has no such folders, and what cannot be looked into is no reason.
        let images = match self {
            Split::Test => DataList::unlabelled_test_images(datalist).unwrap_or_default(),
            _ => Vec::new(),
        };
        match &images[..] {
            [] => "choose another with --split".to_owned(),
            [first, ..] => format!(
                "{} in {} without a label map, such as {}: {unlabelled}",
                count(images.len(), "image"),
                datalist.display(),
                first.display()
            ),
        }
    }
}
