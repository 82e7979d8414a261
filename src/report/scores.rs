//! Tables of an evaluation: the totals, each class, each case. JSON is the [`Evaluation`] itself.

use serde::{Deserialize, Serialize};

use super::table::{Cell, Table};
use crate::metric::{CaseScore, MetricError, Spread, Summary, summarize};

/// What `evaluate` reports.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    /// Names of the classes by label, the background first.
    pub class_names: Vec<String>,
    /// Distance up to which surfaces count as equal, mm; `None` when surfaces were not compared.
    pub tolerance_mm: Option<f64>,
    /// Means over the cases.
    pub summary: Summary,
    /// Every case that was scored.
    pub cases: Vec<CaseScore>,
    /// Cases that were asked for and are in no mean. Older programs did not write them.
    #[serde(default)]
    pub left_out: Vec<LeftOut>,
}

/// A case without scores.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LeftOut {
    /// The case's name.
    pub case: String,
    /// Why it has none.
    pub reason: String,
}

impl Evaluation {
    /// Sums up scored cases.
    ///
    /// # Errors
    /// [`MetricError::Unequal`] when a case has other classes than the first.
    pub fn new(
        class_names: Vec<String>,
        tolerance_mm: Option<f64>,
        cases: Vec<CaseScore>,
    ) -> Result<Self, MetricError> {
        Ok(Self {
            class_names,
            tolerance_mm,
            summary: summarize(&cases)?,
            cases,
            left_out: Vec::new(),
        })
    }

    /// The same, with the cases that could not be scored.
    #[must_use]
    pub fn with_left_out(mut self, left_out: Vec<LeftOut>) -> Self {
        self.left_out = left_out;
        self
    }

    /// All tables as text: each class, each case, the totals.
    pub fn text(&self) -> String {
        let tables = [self.by_class(), self.by_case(), self.totals()];
        let texts: Vec<String> = tables.iter().map(Table::text).collect();
        texts.join("\n").trim_end().to_owned()
    }

    /// The means over all cases, one a row.
    pub fn totals(&self) -> Table {
        let mut table = Table::new(&["mean over cases", "value"]);
        let summary = &self.summary;
        let mut row = |name: &str, value, decimals| {
            table.push(vec![name.into(), Cell::number(value, decimals)]);
        };
        row("Dice, foreground", summary.foreground_dice, 4);
        row("Dice, with background", summary.dice, 4);
        row("Dice, original's running mean", summary.upstream_dice, 4);
        if let Some(tolerance) = self.tolerance_mm {
            row("HD95, mm", summary.foreground_hd95_mm, 2);
            row(
                &format!("surface Dice at {tolerance} mm"),
                summary.foreground_nsd,
                4,
            );
        }
        if !self.left_out.is_empty() {
            table.push(vec!["cases left out".into(), self.left_out.len().into()]);
        }
        table
    }

    /// One row a class.
    pub fn by_class(&self) -> Table {
        let mut table = Table::new(&[
            "class",
            "cases",
            "Dice",
            "deviation",
            "lowest",
            "HD95 mm",
            "surface Dice",
            "missed",
            "invented",
        ]);
        for class in &self.summary.classes {
            let of = |spread: &Option<Spread>, value: fn(&Spread) -> Option<f64>, decimals| {
                Cell::number(spread.as_ref().and_then(value), decimals)
            };
            table.push(vec![
                self.name(class.label).into(),
                class.present.into(),
                of(&class.dice, |s| Some(s.mean), 4),
                of(&class.dice, |s| s.deviation, 4),
                of(&class.dice, |s| Some(s.low), 4),
                of(&class.hd95_mm, |s| Some(s.mean), 2),
                of(&class.nsd, |s| Some(s.mean), 4),
                class.missed.into(),
                class.invented.into(),
            ]);
        }
        table
    }

    /// One row a case; those that were left out come last and have no numbers.
    pub fn by_case(&self) -> Table {
        let mut table = Table::new(&["case", "Dice", "with background", "HD95 mm", "surface Dice"]);
        for case in &self.cases {
            table.push(vec![
                case.case.as_str().into(),
                Cell::number(case.foreground_dice(), 4),
                Cell::number(case.mean_dice(), 4),
                Cell::number(case.foreground_hd95(), 2),
                Cell::number(case.foreground_nsd(), 4),
            ]);
        }
        for left_out in &self.left_out {
            table.push(vec![left_out.case.as_str().into()]);
        }
        table
    }

    /// One row for each class of each case, for statistics programs.
    pub fn by_case_and_class(&self) -> Table {
        let mut table = Table::new(&[
            "case",
            "label",
            "class",
            "dice",
            "hd95_mm",
            "nsd",
            "reference_ml",
            "prediction_ml",
        ]);
        for case in &self.cases {
            for class in &case.classes {
                table.push(vec![
                    case.case.as_str().into(),
                    usize::from(class.label).into(),
                    self.name(class.label).into(),
                    Cell::number(class.dice, 4),
                    Cell::number(class.hd95_mm, 2),
                    Cell::number(class.nsd, 4),
                    Cell::Number(class.reference_ml, 2),
                    Cell::Number(class.prediction_ml, 2),
                ]);
            }
        }
        table
    }

    /// The name of a class, its number where it has none.
    fn name(&self, label: u8) -> String {
        let name = self.class_names.get(usize::from(label));
        name.cloned().unwrap_or_else(|| label.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::{LabelPair, SurfaceOptions, score};

    fn evaluation() -> Evaluation {
        let reference: Vec<u8> = (0..60).map(|n| u8::from(n % 5 > 2)).collect();
        let mut prediction = reference.clone();
        prediction[3] = 2;
        let options = Some(SurfaceOptions::default());
        let case = |name, p: &[u8]| {
            let pair = LabelPair::new(p, &reference, [3, 4, 5], [1.0; 3]).unwrap();
            score(name, &pair, 3, options).unwrap()
        };
        let cases = vec![case("one", &reference), case("two, late", &prediction)];
        let names = vec!["background".to_owned(), "spleen".to_owned()];
        Evaluation::new(names, Some(2.0), cases).unwrap()
    }

    #[test]
    fn a_score_has_one_name_in_all_tables() {
        let found = evaluation();
        for table in [found.by_class(), found.by_case(), found.totals()] {
            let text = table.text();
            assert!(
                text.contains("surface Dice") && !text.contains("NSD"),
                "{text}"
            );
        }
    }

    #[test]
    fn tables_show_what_was_counted() {
        let found = evaluation();
        let text = found.by_class().text();
        let lines: Vec<_> = text.lines().collect();
        assert!(lines[2].starts_with("spleen          2  0.9894"), "{text}");
        let lowest = lines[2].split_whitespace().nth(4);
        assert_eq!(lowest, Some("0.9787"), "{text}");
        // Class 2 has no name, is in no reference, and was invented once.
        assert!(lines[3].starts_with("2               0       -"), "{text}");
        assert!(lines[3].ends_with('1'), "{text}");
        assert!(found.totals().text().contains("surface Dice at 2 mm"));
        assert_eq!(found.by_case().rows().len(), 2);
        let csv = found.by_case_and_class().csv();
        assert!(csv.contains("\n\"two, late\",2,2,,,0,0,0.001\n"), "{csv}");
        assert_eq!(csv.lines().count(), 7);
    }

    #[test]
    fn cases_that_were_left_out_are_named_and_counted_in_no_mean() {
        let whole = evaluation();
        let found = whole.clone().with_left_out(vec![LeftOut {
            case: "broken".to_owned(),
            reason: "truncated".to_owned(),
        }]);
        assert_eq!(found.summary, whole.summary);
        let text = found.by_case().text();
        let last = text.lines().last().unwrap();
        assert!(last.starts_with("broken ") && last.ends_with('-'), "{text}");
        let totals = found.totals().text();
        let last = totals.lines().last().unwrap();
        assert!(last.starts_with("cases left out") && last.ends_with('1'));
        assert!(!whole.totals().text().contains("left out"));
        let json = serde_json::to_value(&found).unwrap();
        assert_eq!(json["left_out"][0]["case"], "broken");
        // As older programs wrote it.
        let mut old = serde_json::to_value(&whole).unwrap();
        old.as_object_mut().unwrap().remove("left_out");
        assert_eq!(serde_json::from_value::<Evaluation>(old).unwrap(), whole);
    }

    #[test]
    fn json_has_null_for_what_is_not_counted_and_is_read_back() -> Result<(), serde_json::Error> {
        let found = evaluation();
        let json = serde_json::to_value(&found)?;
        assert_eq!(
            json["cases"][0]["classes"][2]["dice"],
            serde_json::Value::Null
        );
        assert_eq!(json["cases"][0]["classes"][1]["dice"], 1.0);
        assert_eq!(serde_json::from_value::<Evaluation>(json)?, found);
        Ok(())
    }
}
