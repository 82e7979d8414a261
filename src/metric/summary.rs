//! What the scores of many cases come to.

use serde::{Deserialize, Serialize};

use super::dice::{mean_of_running_means, mean_of_some};
use super::{CaseScore, ClassScore, MetricError, Spread, spread};

/// The scores of one class over all cases.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClassSummary {
    /// The class.
    pub label: u8,
    /// Dice over the cases whose reference has the class.
    pub dice: Option<Spread>,
    /// HD95 over the cases where both maps have the class, mm.
    pub hd95_mm: Option<Spread>,
    /// Normalised surface Dice over the cases where one of the maps has the class.
    pub nsd: Option<Spread>,
    /// Cases whose reference has the class.
    pub present: usize,
    /// Cases of these whose prediction lacks it.
    pub missed: usize,
    /// Cases whose prediction has it while the reference does not.
    pub invented: usize,
}

/// The scores of all cases.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// Number of cases.
    pub cases: usize,
    /// Mean of the cases' mean Dice, background included: the original's metric without its running means.
    pub dice: Option<f64>,
    /// Mean of the cases' mean Dice of the foreground classes.
    pub foreground_dice: Option<f64>,
    /// The number that the original reports: the mean of running means of Dice with background, in the order of the
    /// cases.
    pub upstream_dice: Option<f64>,
    /// Mean of the cases' mean HD95, mm.
    pub foreground_hd95_mm: Option<f64>,
    /// Mean of the cases' mean normalised surface Dice.
    pub foreground_nsd: Option<f64>,
    /// Each class over all cases, the background first.
    pub classes: Vec<ClassSummary>,
}

impl Summary {
    /// Structures, over all cases and foreground classes, that a reference has and its prediction lacks.
    pub fn missed(&self) -> usize {
        self.classes.iter().skip(1).map(|class| class.missed).sum()
    }
}

/// Sums up cases that were scored alike. Their order matters to `upstream_dice` alone.
///
/// # Errors
/// [`MetricError::Unequal`] when a case has other classes than the first.
pub fn summarize(cases: &[CaseScore]) -> Result<Summary, MetricError> {
    let expected = cases.first().map_or(0, |case| case.classes.len());
    if let Some(case) = cases.iter().find(|case| case.classes.len() != expected) {
        return Err(MetricError::Unequal {
            case: case.case.clone(),
            found: case.classes.len(),
            expected,
        });
    }
    let dice: Vec<_> = cases.iter().map(CaseScore::mean_dice).collect();
    let class = |index| {
        let scores: Vec<_> = cases.iter().filter_map(|c| c.classes.get(index)).collect();
        class_summary(&scores)
    };
    Ok(Summary {
        cases: cases.len(),
        dice: mean_of_some(dice.iter().copied()),
        foreground_dice: mean_of_some(cases.iter().map(CaseScore::foreground_dice)),
        upstream_dice: mean_of_running_means(&dice),
        foreground_hd95_mm: mean_of_some(cases.iter().map(CaseScore::foreground_hd95)),
        foreground_nsd: mean_of_some(cases.iter().map(CaseScore::foreground_nsd)),
        classes: (0..expected).filter_map(class).collect(),
    })
}

/// `None` of no scores.
fn class_summary(scores: &[&ClassScore]) -> Option<ClassSummary> {
    let over = |value: fn(&ClassScore) -> Option<f64>| {
        let values: Vec<f64> = scores.iter().filter_map(|score| value(score)).collect();
        spread(&values).ok()
    };
    let count = |what: fn(&ClassScore) -> bool| scores.iter().filter(|score| what(score)).count();
    Some(ClassSummary {
        label: scores.first()?.label,
        dice: over(|score| score.dice),
        hd95_mm: over(|score| score.hd95_mm),
        nsd: over(|score| score.nsd),
        present: count(|score| score.reference_ml > 0.0),
        missed: count(|score| score.reference_ml > 0.0 && score.prediction_ml == 0.0),
        invented: count(|score| score.reference_ml == 0.0 && score.prediction_ml > 0.0),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn case(dice: [Option<f64>; 3], ml: [(f64, f64); 3]) -> CaseScore {
        let class = |label: u8| ClassScore {
            label,
            dice: dice[usize::from(label)],
            hd95_mm: None,
            nsd: None,
            reference_ml: ml[usize::from(label)].0,
            prediction_ml: ml[usize::from(label)].1,
        };
        CaseScore {
            case: "case".to_owned(),
            classes: [0, 1, 2].map(class).to_vec(),
        }
    }

    #[test]
    fn means_count_what_is_there_and_misses_are_told() {
        let first = case(
            [Some(1.0), Some(0.0), None],
            [(9.0, 9.0), (1.0, 0.0), (0.0, 2.0)],
        );
        let second = case(
            [Some(1.0), Some(0.5), Some(1.0)],
            [(9.0, 9.0), (1.0, 1.0), (1.0, 1.0)],
        );
        let summary = summarize(&[first, second]).unwrap();
        let second_mean = 2.5 / 3.0;
        assert_eq!(summary.dice, Some((0.5 + second_mean) / 2.0));
        assert_eq!(summary.foreground_dice, Some((0.0 + 0.75) / 2.0));
        let upstream = (0.5 + (0.5 + second_mean) / 2.0) / 2.0;
        assert_eq!(summary.upstream_dice, Some(upstream));
        let [_, one, two] = &summary.classes[..] else {
            panic!("three classes");
        };
        assert_eq!((one.present, one.missed, one.invented), (2, 1, 0));
        assert_eq!((two.present, two.missed, two.invented), (1, 0, 1));
        assert_eq!(
            one.dice.map(|s| (s.mean, s.low, s.high)),
            Some((0.25, 0.0, 0.5))
        );
        assert_eq!(two.dice.map(|s| (s.count, s.deviation)), Some((1, None)));
        assert_eq!(one.hd95_mm, None);
    }

    #[test]
    fn cases_of_other_classes_are_named() {
        let whole = case([None; 3], [(0.0, 0.0); 3]);
        let mut short = whole.clone();
        short.classes.pop();
        "short".clone_into(&mut short.case);
        let error = summarize(&[whole, short]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "case `short` has 2 classes and the first case 3: score all alike"
        );
        assert_eq!(summarize(&[]).map(|s| (s.cases, s.dice)), Ok((0, None)));
    }

    #[test]
    fn neither_the_background_nor_what_was_found_elsewhere_is_missed() {
        let elsewhere = case(
            [Some(0.0), Some(0.0), Some(1.0)],
            [(9.0, 0.0), (1.0, 2.0), (1.0, 1.0)],
        );
        assert_eq!(summarize(&[elsewhere]).map(|s| s.missed()), Ok(0));
        let missed = case(
            [Some(1.0), Some(0.0), Some(0.0)],
            [(9.0, 9.0), (1.0, 0.0), (1.0, 0.0)],
        );
        assert_eq!(summarize(&[missed]).map(|s| s.missed()), Ok(2));
    }
}
