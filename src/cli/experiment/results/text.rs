//! `results.md`: the results in tables and words.

use super::Results;
use crate::report::results;
use crate::report::table::{Cell, Table};

impl Results {
    /// The original's table.
    pub(in crate::cli::experiment) fn table(&self) -> Table {
        results::table(&self.sizes)
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
            "# {}\n\nEvery Dice here and in the pictures is in percent; results.csv and results.json have them from 0 to 1. Foreground Dice of the test cases: the mean, ± the deviation over seeds; differences are paired over cases, after averaging over seeds, with their {level} bootstrap interval over cases, which says nothing of other seeds, and the one over seeds and cases, which does (too narrow for few seeds). Each run was scored once, with the weights that were the best on the validation cases. Validation Dice is on the network's grid with training's windows, test Dice on the scans' own voxels, so the two are no measure of overfitting. \"Missed\" counts structures of the test cases that were not found at all: Dice counts them as 0, HD95 leaves them out. Surface Dice is the share of both surfaces that lie no further apart than the plan's tolerance. The last columns are Dice by class.\n\n{}\n![Results](results.png)\n\n## Runs\n\n{}\n![Validation Dice](curves.png)\n",
            self.name,
            self.table().markdown(),
            self.by_run().markdown(),
        );
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
        match self.seen_in_pretraining.as_deref() {
            Some([]) => {}
            Some(seen) => {
                let how = match self.given_weights {
                    true => "By their names among the cases that the given weights learnt from",
                    false => "Seen in pre-training, without labels",
                };
                text.push_str(&format!(
                    "\n**{how}: {} of the test cases**, so their results say less of new scans: {}.\n",
                    seen.len(),
                    seen.join(", ")
                ));
            }
            None => text.push_str(
                "\nWhether pre-training has seen test cases was not checked: nothing beside its weights names scans.\n",
            ),
        }
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
}
