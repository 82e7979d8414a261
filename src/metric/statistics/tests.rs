use super::*;
use crate::random::Mt19937;

/// A number of about normal distribution with mean 0 and variance 1.
fn normal(random: &mut Mt19937) -> f64 {
    (0..12).map(|_| random.uniform()).sum::<f64>() - 6.0
}

#[test]
fn a_95_percent_interval_holds_the_truth_95_times_in_100() {
    let mut random = Mt19937::new(11);
    let settings = |seed| Bootstrap {
        resamples: 500,
        seed,
        ..Bootstrap::default()
    };
    let mut held = 0;
    for seed in 0..1000 {
        let baseline: Vec<_> = (0..40).map(|_| 0.5 + 0.1 * normal(&mut random)).collect();
        let method: Vec<_> = baseline
            .iter()
            .map(|b| b + 0.02 + 0.05 * normal(&mut random))
            .collect();
        let found = compare(&baseline, &method, &settings(seed)).unwrap();
        held += usize::from((found.interval.low..found.interval.high).contains(&0.02));
    }
    // About 93.7 % is expected of the percentile interval with 40 cases.
    assert!((915..=965).contains(&held), "{held}");
}

#[test]
fn equal_settings_give_equal_intervals_and_others_do_not() {
    let scores: Vec<_> = (0..20).map(|i| f64::from(i * i % 17)).collect();
    let with = |seed| {
        let settings = Bootstrap {
            seed,
            ..Bootstrap::default()
        };
        mean_interval(&scores, &settings).unwrap()
    };
    assert_eq!(with(1), with(1));
    assert_ne!(with(1), with(2));
    let close = (with(1).low - with(2).low).abs();
    assert!(close < 0.2, "{close}");
}

#[test]
fn a_difference_is_paired() {
    // Cases differ much more than methods do.
    let baseline: Vec<_> = (0..10).map(|i| 0.1 * f64::from(i)).collect();
    let method: Vec<_> = baseline.iter().map(|b| b + 0.01).collect();
    let found = compare(&baseline, &method, &Bootstrap::default()).unwrap();
    assert!((found.difference - 0.01).abs() < 1e-12);
    assert!(found.interval.low > 0.0);
    assert!(found.interval.high - found.interval.low < 1e-12);
    assert!((found.relative.unwrap() - 0.01 / 0.45).abs() < 1e-12);
    assert_eq!((found.better, found.worse), (10, 0));
    let turned = compare(&method, &baseline, &Bootstrap::default()).unwrap();
    assert!((turned.difference + found.difference).abs() < 1e-15);
    let same = compare(&method, &method, &Bootstrap::default()).unwrap();
    assert!(same.interval.low <= 0.0 && same.interval.high >= 0.0);
    assert_eq!((same.better, same.worse), (0, 0));
    assert_eq!(
        same.relative_interval,
        Some(Interval {
            low: 0.0,
            high: 0.0
        })
    );
}

#[test]
fn a_baseline_of_zero_has_no_relative_improvement() {
    let found = compare(&[0.0, 0.0], &[0.1, 0.3], &Bootstrap::default()).unwrap();
    assert_eq!((found.relative, found.relative_interval), (None, None));
    assert!((found.difference - 0.2).abs() < 1e-15);
}

#[test]
fn seeds_are_averaged_and_their_spread_is_told() {
    let seeds = [vec![0.1, 0.5], vec![0.3, 0.7]];
    let mean = mean_over_seeds(&seeds).unwrap();
    assert!((mean[0] - 0.2).abs() < 1e-15 && (mean[1] - 0.6).abs() < 1e-15);
    let found = spread(&[1.0, 2.0, 3.0]).unwrap();
    assert_eq!((found.mean, found.deviation), (2.0, Some(1.0)));
    assert_eq!((found.low, found.high, found.count), (1.0, 3.0, 3));
    assert_eq!(spread(&[4.0]).unwrap().deviation, None);
}

#[test]
fn what_cannot_be_computed_is_an_error() {
    let (two, three) = (vec![1.0, 2.0], vec![1.0, 2.0, 3.0]);
    let settings = Bootstrap::default();
    let unpaired = MetricError::Unpaired {
        found: 3,
        expected: 2,
    };
    assert_eq!(compare(&two, &three, &settings).unwrap_err(), unpaired);
    let seeds = [two.clone(), three];
    assert_eq!(mean_over_seeds(&seeds).unwrap_err(), unpaired);
    assert!(mean_over_seeds(&[]).is_err() && spread(&[]).is_err());
    assert!(spread(&[1.0, f64::NAN]).is_err());
    for (resamples, level) in [(0, 0.95), (9, 0.0), (9, 1.0), (9, f64::NAN)] {
        let settings = Bootstrap {
            resamples,
            level,
            seed: 0,
        };
        assert!(
            mean_interval(&two, &settings).is_err(),
            "{resamples} {level}"
        );
    }
}

#[test]
fn an_interval_over_seeds_is_as_wide_as_seeds_disagree() {
    let cases =
        |offset: f64| -> Vec<f64> { (0..20).map(|i| offset + 0.001 * f64::from(i)).collect() };
    let settings = Bootstrap::default();
    let baseline = [cases(0.5), cases(0.6)];
    // Every case gains 0.01, if seeds are averaged; a seed alone moves by 0.1.
    let method = [cases(0.61), cases(0.51)];
    let means = |seeds: &[Vec<f64>]| mean_over_seeds(seeds).unwrap();
    let over_cases = compare(&means(&baseline), &means(&method), &settings).unwrap();
    assert!(over_cases.interval.low > 0.0);
    let over_seeds = seeds_interval(&baseline, &method, &settings)
        .unwrap()
        .unwrap();
    assert!((over_seeds.low + 0.09).abs() < 1e-9 && (over_seeds.high - 0.11).abs() < 1e-9);
    let again = seeds_interval(&baseline, &method, &settings)
        .unwrap()
        .unwrap();
    assert_eq!(over_seeds, again);
    // Seeds that differ, but agree about the gain, leave what cases say: they are drawn in pairs.
    let better = [cases(0.51), cases(0.61)];
    let agreed = seeds_interval(&baseline, &better, &settings)
        .unwrap()
        .unwrap();
    assert!((agreed.low - 0.01).abs() < 1e-9 && (agreed.high - 0.01).abs() < 1e-9);
    // Of another number of seeds none has a partner.
    let three = [cases(0.51), cases(0.61), cases(0.56)];
    let apart = seeds_interval(&baseline, &three, &settings)
        .unwrap()
        .unwrap();
    assert!(apart.low < 0.0 && apart.high > 0.05, "{apart:?}");
}

#[test]
fn one_seed_says_nothing_of_others() {
    let (one, two) = (vec![vec![0.5, 0.6]], vec![vec![0.5, 0.6], vec![0.4, 0.7]]);
    let settings = Bootstrap::default();
    assert_eq!(seeds_interval(&one, &two, &settings).unwrap(), None);
    assert_eq!(seeds_interval(&two, &one, &settings).unwrap(), None);
    let other = vec![vec![0.5], vec![0.4]];
    assert!(seeds_interval(&two, &other, &settings).is_err());
    assert!(seeds_interval(&two, &[], &settings).is_err());
}
