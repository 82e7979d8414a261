//! Labelled cases dealt into folds.

use crate::dataset::{Case, DataList, absolute, case_names, scan};
use crate::random::{SampleKey, Stage, epoch_order};
use crate::report::scores::{Evaluation, LeftOut};
use anyhow::ensure;
use std::path::PathBuf;

/// As many cases are left out one by one; of more there are [`USUAL`] folds.
const FEW: usize = 6;
/// The field's usual number (Isensee et al., 2021).
const USUAL: usize = 5;
/// One image in this many of those that are not scored chooses the checkpoint, at least one.
const VALIDATION_SHARE: usize = 10;

/// The folds of a cross-validation.
#[derive(Debug)]
pub(super) struct Folds {
    /// The list of each: what it trains on, what its checkpoint is chosen on, what it scores.
    pub lists: Vec<DataList>,
    /// What the scored cases of each are called among all.
    pub names: Vec<Vec<String>>,
}

impl Folds {
    /// Deals the training and validation cases of a list, in an order that the seed decides. Cases of one image, as of
    /// several readers, stay together.
    ///
    /// # Errors
    /// Too few images, or as many folds as leave too few to train on.
    pub(super) fn of(list: &DataList, folds: Option<usize>, seed: u64) -> anyhow::Result<Self> {
        let mut cases: Vec<Case> = Vec::new();
        for case in list.training.iter().chain(&list.validation) {
            let case = Case {
                image: absolute(&case.image),
                label: case.label.as_deref().map(absolute),
            };
            // Also where it is in both lists.
            if !cases.contains(&case) {
                cases.push(case);
            }
        }
        // A scan may lie there packed and unpacked.
        let of_image: Vec<PathBuf> = cases.iter().map(|case| scan(&case.image)).collect();
        let mut images = of_image.clone();
        images.sort();
        images.dedup();
        let all = images.len();
        ensure!(
            all >= 3,
            "the list has {all} labelled images, and cross-validation needs 3: one to train on, one to choose the \
             checkpoint on, one to score"
        );
        let folds = folds.unwrap_or(if all <= FEW { all } else { USUAL });
        ensure!(
            (2..=all).contains(&folds) && all - all.div_ceil(folds) >= 2,
            "--folds is {folds}: with {all} images it must be from {} to {all}",
            if all == 3 { 3 } else { 2 }
        );
        let key = SampleKey {
            seed,
            stage: Stage::Evaluation,
            epoch: 0,
            step: 0,
            sample: 0,
        };
        let order = epoch_order(all, key);
        let named: Vec<String> = case_names(&cases);
        let mut dealt = Folds {
            lists: Vec::new(),
            names: Vec::new(),
        };
        for fold in 0..folds {
            let scored = |place: usize| place % folds == fold;
            // Behind the fold's own place, so that each image chooses about as often.
            let mut others = (1..all)
                .map(|step| (fold + step) % all)
                .filter(|place| !scored(*place));
            let rest = all - (0..all).filter(|place| scored(*place)).count();
            let aside = ((rest + VALIDATION_SHARE / 2) / VALIDATION_SHARE).max(1);
            let choosing: Vec<usize> = others.by_ref().take(aside).collect();
            let place_of = |index: usize| {
                let image = images.binary_search(&of_image[index]).unwrap_or_default();
                order.iter().position(|at| *at == image).unwrap_or_default()
            };
            let mut list = DataList {
                classes: list.classes.clone(),
                modality: list.modality.clone(),
                ..DataList::default()
            };
            let mut names = Vec::new();
            for (index, case) in cases.iter().enumerate() {
                let case = case.clone();
                let place = place_of(index);
                if scored(place) {
                    list.test.push(case);
                    names.push(named[index].clone());
                } else if choosing.contains(&place) {
                    list.validation.push(case);
                } else {
                    list.training.push(case);
                }
            }
            dealt.lists.push(list);
            dealt.names.push(names);
        }
        Ok(dealt)
    }

    /// The scores of the folds, given with their numbers, as those of one list; none where there are none. Cases of those
    /// that failed, given with the reason, are left out.
    ///
    /// # Errors
    /// Folds that tell apart different classes.
    pub(super) fn together(
        &self,
        scores: Vec<(usize, Evaluation)>,
        failed: &[(usize, String)],
    ) -> anyhow::Result<Option<Evaluation>> {
        let Some((_, first)) = scores.first() else {
            return Ok(None);
        };
        let (classes, tolerance) = (first.class_names.clone(), first.tolerance_mm);
        let mut cases = Vec::new();
        for (fold, found) in scores {
            for (mut case, name) in found.cases.into_iter().zip(&self.names[fold]) {
                case.case.clone_from(name);
                cases.push(case);
            }
        }
        cases.sort_by(|a, b| a.case.cmp(&b.case));
        let left_out = failed.iter().flat_map(|(fold, reason)| {
            self.names[*fold].iter().map(|name| LeftOut {
                case: name.clone(),
                reason: reason.clone(),
            })
        });
        let together = Evaluation::new(classes, tolerance, cases)?;
        Ok(Some(together.with_left_out(left_out.collect())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::{LabelPair, score};
    use std::collections::BTreeSet;

    fn list(training: &[&str], validation: &[&str]) -> DataList {
        let cases = |names: &[&str]| {
            let case = |name: &&str| Case {
                image: name.into(),
                label: Some(format!("labels/{name}").into()),
            };
            names.iter().map(case).collect()
        };
        DataList {
            training: cases(training),
            validation: cases(validation),
            classes: vec!["background".to_owned(), "liver".to_owned()],
            ..DataList::default()
        }
    }

    fn images(cases: &[Case]) -> BTreeSet<PathBuf> {
        cases.iter().map(|case| case.image.clone()).collect()
    }

    #[test]
    fn every_image_is_scored_once_and_never_by_a_network_that_saw_it() {
        let names: Vec<String> = (0..23).map(|number| format!("{number}.nii")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        for (all, asked, folds, aside) in [
            (6, None, 6, 1),
            (3, None, 3, 1),
            (23, None, 5, 2),
            (8, Some(2), 2, 1),
        ] {
            let list = list(&names[2..all], &names[..2]);
            let found = Folds::of(&list, asked, 1).unwrap();
            assert_eq!(found.lists.len(), folds);
            let mut scored = Vec::new();
            for fold in &found.lists {
                let [training, choosing, test] =
                    [&fold.training, &fold.validation, &fold.test].map(|cases| images(cases));
                assert_eq!(training.len() + choosing.len() + test.len(), all);
                assert_eq!((choosing.len(), training.is_empty()), (aside, false));
                assert!(test.len().abs_diff(all / folds) <= 1);
                assert!(training.is_disjoint(&test) && choosing.is_disjoint(&test));
                assert_eq!(fold.classes, list.classes);
                scored.extend(test);
            }
            scored.sort();
            scored.dedup();
            assert_eq!(scored.len(), all);
        }
    }

    #[test]
    fn cases_of_one_image_stay_together_and_the_seed_decides_the_order() {
        let mut list = list(&["a.nii", "b.nii", "c.nii", "d.nii", "e.nii"], &[]);
        let again = Case {
            image: "./a.nii".into(),
            label: Some("labels/second_reader.nii".into()),
        };
        list.training.push(again);
        let dealt = |seed| Folds::of(&list, None, seed).unwrap().lists;
        let found = dealt(1);
        assert_eq!(found.len(), 5);
        let of_a = found.iter().find(|fold| fold.test.len() == 2).unwrap();
        assert_eq!(images(&of_a.test).len(), 1);
        assert_eq!(found, dealt(1));
        assert!((2..9).any(|seed| dealt(seed) != found));
    }

    #[test]
    fn a_case_in_both_lists_counts_once_and_a_scan_packed_and_unpacked_is_one() {
        let both = list(&["a.nii", "b.nii", "c.nii"], &["./a.nii"]);
        let found = Folds::of(&both, None, 1).unwrap();
        assert!(found.lists.iter().all(|fold| fold.test.len() == 1));
        assert_eq!(found.lists.len(), 3);
        let packed = list(&["a.nii", "b.nii", "c.nii"], &["a.nii.gz"]);
        let found = Folds::of(&packed, None, 1).unwrap().lists;
        assert_eq!(found.len(), 3);
        assert!(found.iter().any(|fold| fold.test.len() == 2));
    }

    #[test]
    fn cases_of_a_fold_that_failed_are_named_as_left_out() {
        let list = list(&["a.nii", "b.nii", "c.nii"], &[]);
        let folds = Folds::of(&list, None, 1).unwrap();
        let labels = [0, 1, 1, 0];
        let pair = LabelPair::new(&labels, &labels, [4, 1, 1], [1.0; 3]).unwrap();
        let scored = |fold: usize| {
            let case = score("as the fold calls it", &pair, 2, None).unwrap();
            let names = vec!["background".to_owned(), "liver".to_owned()];
            (fold, Evaluation::new(names, None, vec![case]).unwrap())
        };
        let failed = [(1, "fold2 failed: diverged".to_owned())];
        let together = folds
            .together(vec![scored(0), scored(2)], &failed)
            .unwrap()
            .unwrap();
        assert_eq!(together.cases.len(), 2);
        assert_eq!(together.left_out.len(), 1);
        assert_eq!(together.left_out[0].case, folds.names[1][0]);
        assert!(
            together
                .cases
                .iter()
                .all(|case| case.case != folds.names[1][0])
        );
        assert!(folds.together(Vec::new(), &failed).unwrap().is_none());
    }

    #[test]
    fn too_few_images_and_too_many_folds_are_refused() {
        let refused = |names: &[&str], folds| {
            let error = Folds::of(&list(names, &[]), folds, 1).unwrap_err();
            error.to_string()
        };
        assert!(refused(&["a.nii", "b.nii"], None).contains("needs 3"));
        let three = ["a.nii", "b.nii", "c.nii"];
        assert!(refused(&three, Some(2)).contains("from 3 to 3"));
        for folds in [0, 1, 4] {
            assert!(refused(&three, Some(folds)).starts_with(&format!("--folds is {folds}: ")));
        }
    }

    #[test]
    fn cases_of_one_name_in_different_folders_are_told_apart_in_the_scores() {
        let list = list(&["p1/scan.nii", "p2/scan.nii", "p3/scan.nii"], &[]);
        let found = Folds::of(&list, None, 1).unwrap();
        let names: BTreeSet<&String> = found.names.iter().flatten().collect();
        assert_eq!(names.len(), 3, "{names:?}");
    }
}
