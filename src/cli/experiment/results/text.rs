//! `results.md`: the results in tables and words.

use super::Results;
use crate::cli::experiment::seen::ToldBy;
use crate::report::results;
use crate::report::table::{Cell, Table};

/// With fewer test cases than this a bootstrap interval is too narrow.
const FEW_CASES: usize = 10;

impl Results {
    /// What a terminal shows.
    pub(in crate::cli::experiment) fn short_table(&self) -> Table {
        results::short_table(&self.sizes)
    }

    /// One row a run, with the test Dice of every class, in percent as in the other table.
    fn by_run(&self) -> Table {
        let mut header = vec![
            "training cases",
            "arm",
            "seed",
            "steps",
            "best step",
            "validation Dice",
            "test Dice",
            "HD95 mm",
            "surface Dice",
            "missed",
            "minutes",
        ];
        // The background is not shown.
        header.extend(self.classes.iter().skip(1).map(String::as_str));
        let mut table = Table::new(&header);
        let percent = |value: Option<f64>| Cell::number(value.map(|value| 100.0 * value), 2);
        for run in &self.runs {
            let mut row = vec![
                run.size.into(),
                run.arm.to_string().into(),
                run.seed.to_string().into(),
                (run.steps as usize).into(),
                (run.best_step as usize).into(),
                percent(run.validation_dice),
                percent(run.test.foreground_dice),
                Cell::number(run.test.foreground_hd95_mm, 2),
                percent(run.test.foreground_nsd),
                run.test.missed().into(),
                Cell::Number(run.seconds / 60.0, 1),
            ];
            let classes = run.test.classes.iter().skip(1);
            row.extend(classes.map(|class| percent(class.dice.map(|dice| dice.mean))));
            table.push(row);
        }
        table
    }

    pub(super) fn markdown(&self) -> String {
        let level = self.sizes.first().map(results::level);
        let level = level.unwrap_or_default();
        let mut text = format!(
            "# {}\n\nEvery Dice here and in the pictures is in percent; results.csv and results.json have them from 0 to 1. Foreground Dice of the test cases: the mean, ± the deviation over seeds; differences are paired over cases, after averaging over seeds, with their {level} bootstrap interval over cases, which says nothing of other seeds, and the one over seeds and cases, which does (too narrow for few seeds). Each interval stands for itself: none is corrected for their number. Each run was scored with the weights that were the best on the validation cases. Validation Dice is on the network's grid with training's windows, test Dice on the scans' own voxels, so the two are no measure of overfitting. \"Missed\" counts structures of the test cases that were not found at all: Dice counts them as 0, HD95 leaves them out. Surface Dice is the share of both surfaces that lie no further apart than {tolerance} mm. The last columns are Dice by class.\n\n{}\n![Results](results.png)\n\n## Runs\n\n{}\n![Validation Dice](curves.png)\n",
            self.name,
            results::table(&self.sizes).markdown(),
            self.by_run().markdown(),
            tolerance = self.tolerance_mm,
        );
        let fewest = self.sizes.iter().map(|size| size.test_cases).min();
        if fewest.is_some_and(|cases| cases < FEW_CASES) {
            text.push_str(&format!(
                "\n**There are fewer than {FEW_CASES} test cases**: intervals are too narrow for so few.\n"
            ));
        }
        text.push_str(&self.failures());
        for run in &self.pretraining {
            text.push_str(&format!(
                "\nPre-training `{}`: {} volumes, {} steps in {:.1} min, best validation L1 {}.\n",
                run.folder,
                run.training_volumes,
                run.steps,
                run.seconds / 60.0,
                run.best_validation_l1
                    .map_or("-".to_owned(), |value| format!("{value:.4}")),
            ));
        }
        if self.one_encoder {
            text.push_str(
                "\nAll pre-trained runs start from the same weights: no interval shows how far another pre-training would lie from this one.\n",
            );
        }
        text.push_str(&self.seen());
        for (arm, changes) in &self.optimizers {
            text.push_str(&format!(
                "\nThe arm \"{arm}\" has an optimiser of its own: {changes}.\n"
            ));
        }
        if !self.left_out.is_empty() {
            text.push_str(&format!(
                "\nWithout a foreground, and left out: {}.\n",
                self.left_out.join(", ")
            ));
        }
        text
    }

    /// Runs that failed, if any did.
    fn failures(&self) -> String {
        if self.failed.is_empty() {
            return String::new();
        }
        let all = self.pretraining.len() + self.runs.len() + self.failed.len();
        let mut text = format!(
            "\n**{} of {all} runs failed.** The comparison is over those seeds alone that have all arms, and a number of training cases without such a seed is left out of it.\n\n",
            self.failed.len()
        );
        for failed in &self.failed {
            text.push_str(&format!("* `{}`: {}\n", failed.folder, failed.reason));
        }
        text
    }

    /// Test cases that something has learned from, if there are any.
    fn seen(&self) -> String {
        let mut text = match self.seen_in_pretraining.as_deref() {
            Some([]) => String::new(),
            Some(seen) => {
                let how = match self.told_by {
                    ToldBy::Run => "Seen in pre-training, without labels",
                    ToldBy::Names => {
                        "By their names among the cases that the given weights learnt from"
                    }
                    ToldBy::List => {
                        "In the list of data.pretrain, which is taken for that of the given weights"
                    }
                };
                format!(
                    "\n**{how}: {} of the test cases**, so their results say less of new scans: {}.\n",
                    seen.len(),
                    seen.join(", ")
                )
            }
            None => "\nWhether pre-training has seen test cases was not checked: nothing beside its weights names scans.\n".to_owned(),
        };
        if !self.seen_in_finetuning.is_empty() {
            text.push_str(&format!(
                "\n**Among the training or validation cases of the same list: {} of the test cases**, so their results are too good: {}.\n",
                self.seen_in_finetuning.len(),
                self.seen_in_finetuning.join(", ")
            ));
        }
        text
    }
}
