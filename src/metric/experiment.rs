//! What an experiment shows: several ways of training, each with several seeds, scored on the same cases.

use serde::{Deserialize, Serialize};

use super::MetricError;
use super::statistics::{
    Bootstrap, Difference, Interval, Spread, compare, mean_interval, mean_over_seeds,
    seeds_interval, spread,
};

/// The scores of one way of training.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Method {
    /// For example `random` or `pre-trained`.
    pub name: String,
    /// The score of every test case, one list a seed: `scores[seed][case]`.
    pub scores: Vec<Vec<f64>>,
}

/// What one way of training reaches.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MethodResult {
    /// Its name.
    pub name: String,
    /// The mean scores of the seeds: `seeds.mean` is the result, the rest how far seeds lie apart.
    pub seeds: Spread,
    /// The mean score of each seed, in their order.
    pub seed_means: Vec<f64>,
    /// Bootstrap interval of the mean over cases.
    pub interval: Interval,
    /// Beside the first method; `None` for the first itself.
    pub difference: Option<Difference>,
    /// Interval of the difference over seeds and cases; `None` for the first method, and where one has a single seed.
    pub seeds_interval: Option<Interval>,
}

/// The results with one number of training cases.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SizeResult {
    /// Number of training cases.
    pub training_cases: usize,
    /// Number of test cases.
    pub test_cases: usize,
    /// The methods, the baseline first.
    pub methods: Vec<MethodResult>,
    /// How the intervals were estimated.
    pub bootstrap: Bootstrap,
}

/// Compares every method with the first one, case by case, after averaging over seeds. Methods may have different
/// numbers of seeds.
///
/// # Errors
/// [`MetricError::Nothing`] without methods, seeds or cases, [`MetricError::Unpaired`] unless all have the same
/// number of cases; as [`compare`] otherwise.
pub fn compare_methods(
    training_cases: usize,
    methods: &[Method],
    bootstrap: &Bootstrap,
) -> Result<SizeResult, MetricError> {
    let first = methods
        .first()
        .ok_or(MetricError::Nothing { what: "methods" })?;
    let baseline = mean_over_seeds(&first.scores)?;
    let result = |(index, method): (usize, &Method)| {
        let cases = mean_over_seeds(&method.scores)?;
        let mean = |seed: &Vec<f64>| spread(seed).map(|s| s.mean);
        let seed_means = method
            .scores
            .iter()
            .map(mean)
            .collect::<Result<Vec<_>, _>>()?;
        // The first is compared too: its pairing with itself is checked and thrown away.
        let difference = compare(&baseline, &cases, bootstrap)?;
        let over_seeds = match index {
            0 => None,
            _ => seeds_interval(&first.scores, &method.scores, bootstrap)?,
        };
        Ok(MethodResult {
            name: method.name.clone(),
            seeds: spread(&seed_means)?,
            seed_means,
            interval: mean_interval(&cases, bootstrap)?,
            difference: (index > 0).then_some(difference),
            seeds_interval: over_seeds,
        })
    };
    Ok(SizeResult {
        training_cases,
        test_cases: baseline.len(),
        methods: methods
            .iter()
            .enumerate()
            .map(result)
            .collect::<Result<_, _>>()?,
        bootstrap: *bootstrap,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn method(name: &str, scores: &[&[f64]]) -> Method {
        Method {
            name: name.to_owned(),
            scores: scores.iter().map(|seed| seed.to_vec()).collect(),
        }
    }

    #[test]
    fn methods_are_compared_with_the_first_over_cases() {
        let random = method("random", &[&[0.2, 0.4, 0.6], &[0.4, 0.6, 0.8]]);
        let better = method("pre-trained", &[&[0.4, 0.6, 0.8]]);
        let settings = Bootstrap::default();
        let found = compare_methods(6, &[random, better], &settings).unwrap();
        assert_eq!((found.training_cases, found.test_cases), (6, 3));
        let [random, better] = &found.methods[..] else {
            panic!("two methods");
        };
        assert!((random.seeds.mean - 0.5).abs() < 1e-12);
        assert!((random.seeds.deviation.unwrap() - 0.2_f64 / 2.0_f64.sqrt()).abs() < 1e-12);
        assert_eq!((random.difference, random.seeds_interval), (None, None));
        let difference = better.difference.unwrap();
        assert!((difference.difference - 0.1).abs() < 1e-12);
        assert!((difference.relative.unwrap() - 0.2).abs() < 1e-12);
        assert!(difference.interval.low > 0.0);
        assert_eq!(better.seeds_interval, None, "one seed");
        assert!(better.interval.low < 0.6 && better.interval.high > 0.6);
    }

    #[test]
    fn methods_on_other_cases_are_not_compared() {
        let settings = Bootstrap::default();
        let two = method("random", &[&[0.2, 0.4]]);
        let three = method("other", &[&[0.2, 0.4, 0.5]]);
        assert!(compare_methods(6, &[two, three], &settings).is_err());
        assert!(compare_methods(6, &[], &settings).is_err());
        assert!(compare_methods(6, &[method("empty", &[])], &settings).is_err());
    }
}
