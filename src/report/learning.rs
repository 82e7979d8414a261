//! The curves of several seeds as one.

use super::curves::{Panel, Series};

/// The curves of several runs of each method as one panel: `runs[method]` has the method's name and the curve of
/// each seed. Seeds are averaged at the steps that all of them have, so that a run that is still going on shortens the
/// curve and does not bend it.
pub fn learning_curves(title: &str, x_label: &str, runs: &[(String, Vec<Points>)]) -> Panel {
    let series = runs.iter().map(|(name, seeds)| Series {
        name: name.clone(),
        points: average(seeds),
        best: None,
    });
    Panel {
        title: title.to_owned(),
        x_label: x_label.to_owned(),
        series: series.collect(),
    }
}

/// A curve: step or epoch, and value.
pub type Points = Vec<(f64, f64)>;

fn average(seeds: &[Points]) -> Points {
    let Some((first, others)) = seeds.split_first() else {
        return Vec::new();
    };
    let at = |points: &Points, x: f64| points.iter().find(|p| p.0 == x).map(|p| p.1);
    let mean = |(x, y): &(f64, f64)| {
        let mut sum = *y;
        for other in others {
            sum += at(other, *x)?;
        }
        Some((*x, sum / seeds.len() as f64))
    };
    first.iter().filter_map(mean).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_are_averaged_where_all_have_a_value() {
        let a = vec![(1.0, 0.2), (2.0, 0.4), (3.0, 0.6)];
        let b = vec![(1.0, 0.4), (3.0, 0.8), (4.0, 1.0)];
        let panel = learning_curves("Dice", "step", &[("random".to_owned(), vec![a, b])]);
        let points = &panel.series[0].points;
        let expected = [(1.0, 0.3), (3.0, 0.7)];
        assert_eq!(points.len(), 2);
        for (found, expected) in points.iter().zip(expected) {
            assert!(found.0 == expected.0 && (found.1 - expected.1).abs() < 1e-12);
        }
    }
}
