//! Fewer and smoother points for long curves.

/// Points drawn of one line: about two for each pixel column.
const MOST: usize = 1300;

/// At most [`MOST`] points that keep every peak: the lowest and highest of each group, in order.
pub(super) fn extremes(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    if points.len() <= MOST {
        return points.to_vec();
    }
    let order = |a: &&(f64, f64), b: &&(f64, f64)| a.1.total_cmp(&b.1);
    let group = points.len().div_ceil(MOST / 2);
    let pairs = points.chunks(group).filter_map(|group| {
        let (low, high) = (group.iter().min_by(order)?, group.iter().max_by(order)?);
        Some(if low.0 <= high.0 {
            [*low, *high]
        } else {
            [*high, *low]
        })
    });
    pairs.flatten().collect()
}

/// At most [`MOST`] points: the means of groups.
pub(super) fn averages(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let groups = points.chunks(points.len().div_ceil(MOST).max(1));
    let mean = |group: &[(f64, f64)]| {
        let sum = group
            .iter()
            .fold((0.0, 0.0), |sum, p| (sum.0 + p.0, sum.1 + p.1));
        (sum.0 / group.len() as f64, sum.1 / group.len() as f64)
    };
    groups.map(mean).collect()
}

/// Local regression: each point moves onto the straight line that fits its neighbours best, with
/// less weight on the far ones. Unlike a running mean it neither lags behind nor bends at the ends.
/// The points are taken as equally spaced.
pub(super) fn smooth(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let reach = (points.len() / 14).max(4);
    let fitted = |index: usize, x: f64| {
        let window = index.saturating_sub(reach)..(index + reach + 1).min(points.len());
        // Weighted sums of 1, d, d^2, y and d * y over distances d from the point.
        let mut sums = [0.0; 5];
        for (place, (_, y)) in window.clone().zip(points.get(window).unwrap_or_default()) {
            let d = (place as f64 - index as f64) / (reach + 1) as f64;
            let weight = (1.0 - d.abs().powi(3)).powi(3);
            for (sum, term) in sums.iter_mut().zip([1.0, d, d * d, *y, d * y]) {
                *sum += weight * term;
            }
        }
        let [w, d, dd, y, dy] = sums;
        let spread = w * dd - d * d;
        // One point alone has no slope.
        let height = if spread > 0.0 {
            (dd * y - d * dy) / spread
        } else {
            y / w
        };
        (x, height)
    };
    let indexed = points.iter().enumerate();
    indexed
        .map(|(index, point)| fitted(index, point.0))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thinning_keeps_peaks_and_order() {
        let mut points: Vec<_> = (0..10_000).map(|i| (f64::from(i), 1.0)).collect();
        points.extend([(10_000.0, 9.0), (10_001.0, 1.0)]);
        let thin = extremes(&points);
        assert!(thin.len() <= MOST, "{}", thin.len());
        assert!(thin.contains(&(10_000.0, 9.0)));
        assert!(thin.is_sorted_by(|a, b| a.0 <= b.0));
    }

    #[test]
    fn smoothing_removes_noise_and_keeps_a_straight_line() {
        let line: Vec<_> = (0..400).map(|i| (f64::from(i), f64::from(i))).collect();
        assert!(smooth(&line).into_iter().all(|(x, y)| (x - y).abs() < 1e-9));
        let noise: Vec<_> = (0..400).map(|i| (f64::from(i), f64::from(i % 2))).collect();
        assert!(
            smooth(&noise)
                .into_iter()
                .all(|(_, y)| (y - 0.5).abs() < 0.1)
        );
        assert_eq!(smooth(&[(3.0, 7.0)]), [(3.0, 7.0)]);
    }
}
