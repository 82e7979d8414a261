//! Whether one way of training is better than another: paired differences over cases with a bootstrap interval, and
//! the spread over seeds.
//!
//! Cases are the unit: scores of one case under several seeds are averaged first, because they are not independent,
//! and resampling draws cases with replacement. The interval is the percentile interval (Efron, 1979). It takes the
//! cases as drawn from the population of interest; with fewer than about ten cases it is somewhat too narrow. It says
//! nothing of other seeds: [`seeds_interval`] does.

use serde::{Deserialize, Serialize};

use super::MetricError;
use crate::random::{KeyedRandom, Purpose, RandomSource, SampleKey, Stage};

/// How intervals are estimated. Equal settings give equal intervals on every machine.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Bootstrap {
    /// Number of resamples.
    pub resamples: usize,
    /// Confidence level, between 0 and 1.
    pub level: f64,
    /// Seed of the resampling.
    pub seed: u64,
}

impl Default for Bootstrap {
    /// 10 000 resamples, 95 %.
    fn default() -> Self {
        Self {
            resamples: 10_000,
            level: 0.95,
            seed: 0,
        }
    }
}

/// The ends of an interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

/// How far some numbers lie apart.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Spread {
    /// How many.
    pub count: usize,
    /// Their mean.
    pub mean: f64,
    /// Sample standard deviation (divisor `count - 1`); `None` of a single number.
    pub deviation: Option<f64>,
    /// The smallest.
    pub low: f64,
    /// The largest.
    pub high: f64,
}

/// How a method differs from a baseline over the same cases.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Difference {
    /// Number of cases.
    pub cases: usize,
    /// Mean score of the baseline.
    pub baseline: f64,
    /// Mean score of the method.
    pub method: f64,
    /// Mean over cases of method minus baseline.
    pub difference: f64,
    /// Interval of `difference`.
    pub interval: Interval,
    /// `difference / baseline`, the original's relative improvement; `None` for a baseline of 0.
    pub relative: Option<f64>,
    /// Interval of `relative`, from the same resamples; `None` when a resampled baseline is 0.
    pub relative_interval: Option<Interval>,
    /// Cases in which the method is better.
    pub better: usize,
    /// Cases in which it is worse.
    pub worse: usize,
}

/// The score of each case averaged over seeds. `scores[seed][case]`.
///
/// # Errors
/// [`MetricError::Nothing`] without seeds or cases, [`MetricError::Unpaired`] when seeds have different numbers of
/// cases, [`MetricError::NotFinite`] for scores that are no numbers.
pub(super) fn mean_over_seeds(scores: &[Vec<f64>]) -> Result<Vec<f64>, MetricError> {
    let first = scores
        .first()
        .ok_or(MetricError::Nothing { what: "seeds" })?;
    for seed in scores {
        check(seed)?;
        if seed.len() != first.len() {
            return Err(MetricError::Unpaired {
                found: seed.len(),
                expected: first.len(),
            });
        }
    }
    let of_case = |case| scores.iter().filter_map(move |seed| seed.get(case));
    Ok((0..first.len())
        .map(|case| of_case(case).sum::<f64>() / scores.len() as f64)
        .collect())
}

/// Mean, deviation and range, for example of the mean scores of several seeds.
///
/// # Errors
/// [`MetricError::Nothing`] of no numbers, [`MetricError::NotFinite`] for what is no number.
pub fn spread(values: &[f64]) -> Result<Spread, MetricError> {
    check(values)?;
    let mean = mean(values);
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    let degrees = values.len() - 1;
    Ok(Spread {
        count: values.len(),
        mean,
        deviation: (degrees > 0).then(|| (squares / degrees as f64).sqrt()),
        low: values.iter().copied().fold(f64::INFINITY, f64::min),
        high: values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
    })
}

/// Bootstrap percentile interval of the mean over cases.
///
/// # Errors
/// As [`compare`], for one method.
pub(super) fn mean_interval(
    scores: &[f64],
    bootstrap: &Bootstrap,
) -> Result<Interval, MetricError> {
    check(scores)?;
    let means = resampled(scores.len(), bootstrap, |case| [scores[case]])?;
    Ok(percentiles(
        means.into_iter().map(|[mean]| mean),
        bootstrap.level,
    ))
}

/// Compares two methods over the same cases, one score a case in the same order.
///
/// # Errors
/// [`MetricError::Nothing`] without scores or resamples, [`MetricError::NotFinite`] for scores that are no numbers,
/// [`MetricError::Level`] for a level outside 0 to 1, [`MetricError::Unpaired`] for different numbers of scores.
pub fn compare(
    baseline: &[f64],
    method: &[f64],
    bootstrap: &Bootstrap,
) -> Result<Difference, MetricError> {
    check(baseline)?;
    check(method)?;
    if baseline.len() != method.len() {
        return Err(MetricError::Unpaired {
            found: method.len(),
            expected: baseline.len(),
        });
    }
    let cases = baseline.len();
    let means = resampled(cases, bootstrap, |case| [baseline[case], method[case]])?;
    let differences = means.iter().map(|[b, m]| m - b);
    let interval = percentiles(differences, bootstrap.level);
    let relative = |[b, m]: [f64; 2]| (b != 0.0).then(|| (m - b) / b);
    let ratios: Option<Vec<f64>> = means.iter().copied().map(relative).collect();
    let pairs = || baseline.iter().zip(method);
    let (b, m) = (mean(baseline), mean(method));
    Ok(Difference {
        cases,
        baseline: b,
        method: m,
        difference: pairs().map(|(b, m)| m - b).sum::<f64>() / cases as f64,
        interval,
        relative: relative([b, m]),
        relative_interval: ratios.map(|ratios| percentiles(ratios, bootstrap.level)),
        better: pairs().filter(|(b, m)| m > b).count(),
        worse: pairs().filter(|(b, m)| m < b).count(),
    })
}

/// Interval of the mean difference when seeds are drawn anew as well as cases: how far the difference would move if the
/// fine-tuning were repeated with other seeds. `scores[seed][case]`. The same number of seeds means the same seeds, which
/// are drawn in pairs: runs of a seed see the same crops. Otherwise each method's are drawn apart.
///
/// `None` when a method has a single seed. With few seeds it is still too narrow: drawing from n of them shows
/// `(n - 1) / n` of their variance.
///
/// # Errors
/// As [`compare`], and [`MetricError::Nothing`] without seeds.
pub fn seeds_interval(
    baseline: &[Vec<f64>],
    method: &[Vec<f64>],
    bootstrap: &Bootstrap,
) -> Result<Option<Interval>, MetricError> {
    let (cases, found) = (
        mean_over_seeds(baseline)?.len(),
        mean_over_seeds(method)?.len(),
    );
    if cases != found {
        return Err(MetricError::Unpaired {
            found,
            expected: cases,
        });
    }
    if baseline.len() < 2 || method.len() < 2 {
        return Ok(None);
    }
    let differences = drawn(bootstrap, |random| {
        let mut among =
            |count: usize| -> Vec<usize> { (0..count).map(|_| random.integer(0, count)).collect() };
        let cases = among(cases);
        let before = among(baseline.len());
        let after = match method.len() == baseline.len() {
            true => before.clone(),
            false => among(method.len()),
        };
        let of = |scores: &[Vec<f64>], seeds: &[usize]| {
            let of_seed = |seed: &usize| cases.iter().map(|case| scores[*seed][*case]).sum::<f64>();
            seeds.iter().map(of_seed).sum::<f64>() / (seeds.len() * cases.len()) as f64
        };
        of(method, &after) - of(baseline, &before)
    })?;
    Ok(Some(percentiles(differences, bootstrap.level)))
}

fn check(scores: &[f64]) -> Result<(), MetricError> {
    if scores.is_empty() {
        return Err(MetricError::Nothing { what: "scores" });
    }
    match scores.iter().enumerate().find(|(_, s)| !s.is_finite()) {
        Some((index, &value)) => Err(MetricError::NotFinite { index, value }),
        None => Ok(()),
    }
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// The means of `score` over cases drawn with replacement, one for each resample.
fn resampled<const N: usize>(
    cases: usize,
    bootstrap: &Bootstrap,
    score: impl Fn(usize) -> [f64; N],
) -> Result<Vec<[f64; N]>, MetricError> {
    drawn(bootstrap, |random| {
        let mut sums = [0.0; N];
        for _ in 0..cases {
            let drawn = score(random.integer(0, cases));
            for (sum, value) in sums.iter_mut().zip(drawn) {
                *sum += value;
            }
        }
        sums.map(|sum| sum / cases as f64)
    })
}

/// What `resample` makes of the generator's numbers, once for each resample.
fn drawn<T>(
    bootstrap: &Bootstrap,
    mut resample: impl FnMut(&mut KeyedRandom) -> T,
) -> Result<Vec<T>, MetricError> {
    let Bootstrap {
        resamples,
        level,
        seed,
    } = *bootstrap;
    if resamples == 0 {
        return Err(MetricError::Nothing { what: "resamples" });
    }
    if !(level > 0.0 && level < 1.0) {
        return Err(MetricError::Level { level });
    }
    let key = SampleKey {
        seed,
        stage: Stage::Evaluation,
        epoch: 0,
        step: 0,
        sample: 0,
    };
    let mut random = key.for_purpose(Purpose::Resample);
    Ok((0..resamples).map(|_| resample(&mut random)).collect())
}

/// The middle `level` of some numbers, at least one, interpolated between neighbours.
fn percentiles(values: impl IntoIterator<Item = f64>, level: f64) -> Interval {
    let mut sorted: Vec<f64> = values.into_iter().collect();
    sorted.sort_unstable_by(f64::total_cmp);
    let at = |share: f64| {
        let position = share * (sorted.len().saturating_sub(1)) as f64;
        let value = |index: f64| sorted.get(index as usize).copied().unwrap_or(f64::NAN);
        let (low, high) = (value(position.floor()), value(position.ceil()));
        low + position.fract() * (high - low)
    };
    let tail = (1.0 - level) / 2.0;
    Interval {
        low: at(tail),
        high: at(1.0 - tail),
    }
}

#[cfg(test)]
mod tests;
