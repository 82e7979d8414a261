//! Axes of a plot: range, scale and ticks.

/// Values are shown on a logarithmic scale when the largest is more than this many times the
/// smallest.
const LOG_RATIO: f64 = 30.0;

/// Larger values are treated as infinite: sums and differences of two of them still fit.
pub(super) const LARGEST: f64 = 1e300;

/// The points that can be drawn.
pub(super) fn finite(points: &[(f64, f64)]) -> impl Iterator<Item = (f64, f64)> + '_ {
    let fits = |value: f64| value.abs() <= LARGEST;
    points
        .iter()
        .copied()
        .filter(move |point| fits(point.0) && fits(point.1))
}

/// A horizontal or vertical axis.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Axis {
    /// Ends of the axis; their decimal logarithms when it is logarithmic.
    low: f64,
    high: f64,
    log: bool,
    /// Where a grid line and a number go.
    pub(super) ticks: Vec<f64>,
}

impl Axis {
    /// An axis for steps or epochs: as wide as the data, never logarithmic.
    pub(super) fn horizontal(values: impl Iterator<Item = f64>, ticks: usize) -> Axis {
        let (low, high) = range(values).unwrap_or((0.0, 1.0));
        let (low, high) = match high - low {
            _ if starts_near_zero(low, high) => (0.0, high),
            span if span > 0.0 => (low, high),
            _ => (low - 1.0, high + 1.0),
        };
        let whole = |tick: &f64| tick.fract().abs() < 1e-9;
        let mut ticks = linear_ticks(low, high, ticks);
        // Steps and epochs are counted: no tick in between.
        if ticks.iter().any(whole) {
            ticks.retain(whole);
        }
        Axis {
            low,
            high,
            log: false,
            ticks,
        }
    }

    /// An axis for measured values, with some air above and below; logarithmic for positive values
    /// that span more than a factor of 30.
    pub(super) fn vertical(values: impl Iterator<Item = f64>, ticks: usize) -> Axis {
        let (low, high) = range(values).unwrap_or((0.0, 1.0));
        if low > 0.0 && high / low > LOG_RATIO {
            let (low, high) = (low.log10(), high.log10());
            let air = (high - low) * 0.05;
            let (low, high) = (low - air, high + air);
            return Axis {
                low,
                high,
                log: true,
                ticks: log_ticks(low, high, ticks),
            };
        }
        let air = match high - low {
            span if span > 0.0 => span * 0.06,
            // One value: a tenth of it, so that the axis has a width.
            _ if low != 0.0 => low.abs() * 0.1,
            _ => 1.0,
        };
        // What is measured is seldom below zero: of zeros alone the axis begins there.
        let near_zero = starts_near_zero(low, high) || (low == 0.0 && high == 0.0);
        let (low, high) = (if near_zero { 0.0 } else { low - air }, high + air);
        Axis {
            low,
            high,
            log: false,
            ticks: linear_ticks(low, high, ticks),
        }
    }

    /// Whether equal distances are equal ratios.
    pub(super) fn is_log(&self) -> bool {
        self.log
    }

    /// Where a value lies: 0 at the low end of the axis, 1 at the high end.
    pub(super) fn place(&self, value: f64) -> f64 {
        let value = if self.log { value.log10() } else { value };
        // An axis so far from 0, or so close to it, that its width is rounded away.
        if self.high <= self.low {
            return 0.5;
        }
        (value - self.low) / (self.high - self.low)
    }

    /// Tick labels, with the same number of decimals on all of them where that suits the scale.
    pub(super) fn labels(&self) -> Vec<String> {
        if self.log {
            return self.ticks.iter().map(|&tick| short(tick)).collect();
        }
        let largest = self.ticks.iter().fold(0.0_f64, |a, b| a.max(b.abs()));
        if !(1e-4..1e6).contains(&largest) && largest != 0.0 {
            return self.ticks.iter().map(|&tick| short(tick)).collect();
        }
        let distinct = |decimals: &usize| {
            let exact = |tick: &f64| {
                let unit = 10_f64.powi(*decimals as i32);
                ((tick * unit).round() / unit - tick).abs() <= largest * 1e-9
            };
            self.ticks.iter().all(exact)
        };
        let decimals = (0..9).find(distinct).unwrap_or(9);
        self.ticks
            .iter()
            .map(|tick| format!("{:.decimals$}", tick + 0.0))
            .collect()
    }
}

/// A number in few characters: plain between 0.0001 and a million, in powers of ten beyond.
pub(super) fn short(value: f64) -> String {
    let size = value.abs();
    if size != 0.0 && !(1e-4..1e6).contains(&size) {
        return format!("{value:.1e}").replace(".0e", "e");
    }
    // Four significant digits.
    let decimals = if size == 0.0 {
        0
    } else {
        (3 - size.log10().floor() as i32).clamp(0, 8)
    };
    let text = format!("{value:.*}", decimals as usize);
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}

fn range(values: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    values.fold(None, |range, value| {
        let (low, high) = range.unwrap_or((value, value));
        Some((value.min(low), value.max(high)))
    })
}

/// Whether an axis over this range had better start at zero.
fn starts_near_zero(low: f64, high: f64) -> bool {
    low >= 0.0 && low < 0.25 * high
}

/// Multiples of 1, 2, 2.5 or 5 times a power of ten, about `count` of them.
fn linear_ticks(low: f64, high: f64, count: usize) -> Vec<f64> {
    let rough = (high - low) / count.max(1) as f64;
    let power = 10_f64.powf(rough.log10().floor());
    let steps = [1.0, 2.0, 2.5, 5.0, 10.0].map(|m| m * power);
    let step = steps
        .into_iter()
        .find(|&step| step >= rough * 0.999)
        .unwrap_or(rough);
    let (first, last) = ((low / step).ceil(), (high / step).floor());
    if !(step.is_normal() && first.is_finite() && last - first < 100.0) {
        return vec![];
    }
    (0..=(last - first) as usize)
        .map(|i| (first + i as f64) * step)
        .collect()
}

/// Powers of ten and, where there is room, 2 and 5 or 3 times them, between 10^`low` and 10^`high`.
fn log_ticks(low: f64, high: f64, count: usize) -> Vec<f64> {
    let decades = high - low;
    let room = count as f64 + 1.0;
    let multiples: &[f64] = match decades {
        d if d * 3.0 <= room => &[1.0, 2.0, 5.0],
        d if d * 2.0 <= room => &[1.0, 3.0],
        _ => &[1.0],
    };
    let stride = (decades / room).ceil().max(1.0) as usize;
    let powers = (low.floor() as i32..=high.ceil() as i32).step_by(stride);
    let all = powers.flat_map(|power| multiples.iter().map(move |m| m * 10_f64.powi(power)));
    all.filter(|tick| (low..=high).contains(&tick.log10()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vertical(values: &[f64]) -> Axis {
        Axis::vertical(values.iter().copied(), 6)
    }

    #[test]
    fn wide_positive_ranges_are_logarithmic() {
        assert!(vertical(&[0.01, 0.5]).is_log());
        assert!(!vertical(&[0.1, 0.5]).is_log());
        assert!(!vertical(&[0.0, 100.0]).is_log());
        assert_eq!(
            finite(&[(1.0, f64::NAN), (2.0, 1e308), (3.0, 1.0)]).count(),
            1
        );
    }

    #[test]
    fn all_values_lie_within_the_axis() {
        for values in [
            &[3.0, 3.0][..],
            &[0.0],
            &[-5.0, 2.0],
            &[1e-7, 1e3],
            &[1e-300, 1e300],
            &[5e-324],
            &[-5e-324],
            &[],
        ] {
            let axis = vertical(values);
            for &value in values {
                assert!(
                    (0.0..=1.0).contains(&axis.place(value)),
                    "{value} in {values:?}"
                );
            }
            assert!(axis.ticks.len() < 20, "{values:?}");
            assert_eq!(axis.labels().len(), axis.ticks.len());
        }
    }

    #[test]
    fn an_axis_of_zeros_goes_from_0_to_1() {
        let zeros = vertical(&[0.0, 0.0]);
        assert_eq!(zeros.labels(), ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]);
        assert_eq!((zeros.place(0.0), zeros.place(1.0)), (0.0, 1.0));
    }

    #[test]
    fn ticks_are_round_numbers_with_equal_decimals() {
        assert_eq!(
            vertical(&[0.0, 1.0]).labels(),
            ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]
        );
        let steps = Axis::horizontal([0.0, 10_000.0].into_iter(), 6);
        assert_eq!(
            steps.labels(),
            ["0", "2000", "4000", "6000", "8000", "10000"]
        );
        assert_eq!(
            vertical(&[0.01, 10.0]).labels(),
            ["0.01", "0.03", "0.1", "0.3", "1", "3", "10"]
        );
    }

    #[test]
    fn epochs_are_whole() {
        assert_eq!(
            Axis::horizontal([1.0, 3.0].into_iter(), 6).labels(),
            ["1", "2", "3"]
        );
        assert_eq!(
            Axis::horizontal([1.0].into_iter(), 6).labels(),
            ["0", "1", "2"]
        );
    }

    #[test]
    fn steps_too_large_to_be_counted_have_a_place() {
        let axis = Axis::horizontal([1e17].into_iter(), 6);
        assert_eq!(axis.place(1e17), 0.5);
        assert!(axis.ticks.len() < 20);
    }

    #[test]
    fn short_numbers() {
        let all = [0.123_456, 1.5, 150.0, 123_456.0, 1e-5, 2.5e9, 0.0].map(short);
        assert_eq!(
            all,
            ["0.1235", "1.5", "150", "123456", "1e-5", "2.5e9", "0"]
        );
    }
}
