//! The results of an experiment: the original's table, all numbers behind it, and `results.png`.

use super::table::{Cell, Table};
use crate::metric::{Difference, Interval, MethodResult, SizeResult};

/// The table in the original's form, Dice in percent: one row for each number of training cases, the mean of each
/// method with the deviation over its seeds, and for each method after the first the relative improvement and the
/// mean difference with its interval over cases, and the one over seeds and cases where there are several seeds. The
/// columns are named after the methods of the first row.
pub fn table(results: &[SizeResult]) -> Table {
    let methods = results.first().map(|first| first.methods.as_slice());
    let methods = methods.unwrap_or_default();
    let level = results.first().map(level).unwrap_or_default();
    let mut header = vec!["training cases".to_owned(), "test cases".to_owned()];
    header.extend(methods.iter().map(|method| method.name.clone()));
    for method in methods.iter().skip(1) {
        header.push(format!("{}, relative improvement", method.name));
        header.push(format!("{}, difference [{level} over cases]", method.name));
        header.push("[over seeds and cases]".to_owned());
    }
    let mut table = Table::new(&header.iter().map(String::as_str).collect::<Vec<_>>());
    for size in results {
        let mut row = vec![size.training_cases.into(), size.test_cases.into()];
        row.extend(size.methods.iter().map(spread));
        for method in size.methods.iter().skip(1) {
            let difference = method.difference;
            row.push(match difference.and_then(|d| d.relative) {
                Some(relative) => format!("{:+.2} %", 100.0 * relative).into(),
                None => Cell::Missing,
            });
            row.push(difference.map_or(Cell::Missing, |d| percent(&d).into()));
            let over_seeds = method.seeds_interval;
            row.push(over_seeds.map_or(Cell::Missing, |i| bracketed(&i).into()));
        }
        table.push(row);
    }
    table
}

/// What stands in a hundred columns of a terminal, Dice in percent: one row for each method of each number of training
/// cases.
pub fn short_table(results: &[SizeResult]) -> Table {
    let level = results.first().map(level).unwrap_or_default();
    let mut table = Table::new(&[
        "cases",
        "arm",
        "Dice",
        "difference",
        &format!("{level} over cases"),
        "over cases and seeds",
    ]);
    for size in results {
        for method in &size.methods {
            let difference = method.difference;
            let over_seeds = method.seeds_interval;
            table.push(vec![
                size.training_cases.into(),
                method.name.as_str().into(),
                spread(method),
                difference.map_or(Cell::Missing, |d| points(d.difference).into()),
                difference.map_or(Cell::Missing, |d| bracketed(&d.interval).into()),
                over_seeds.map_or(Cell::Missing, |i| bracketed(&i).into()),
            ]);
        }
    }
    table
}

/// Every number of every method, one row a method, Dice from 0 to 1.
pub fn details(results: &[SizeResult]) -> Table {
    let mut table = Table::new(&[
        "training_cases",
        "test_cases",
        "method",
        "seeds",
        "dice",
        "dice_low",
        "dice_high",
        "seed_deviation",
        "seed_lowest",
        "seed_highest",
        "difference",
        "difference_low",
        "difference_high",
        "difference_seeds_low",
        "difference_seeds_high",
        "relative",
        "relative_low",
        "relative_high",
        "better",
        "worse",
    ]);
    for size in results {
        for method in &size.methods {
            let seeds = &method.seeds;
            let of = |value: fn(&Difference) -> Option<f64>| {
                Cell::number(method.difference.as_ref().and_then(value), 4)
            };
            let count = |value: fn(&Difference) -> usize| {
                let difference = method.difference.as_ref();
                difference.map_or(Cell::Missing, |d| value(d).into())
            };
            table.push(vec![
                size.training_cases.into(),
                size.test_cases.into(),
                method.name.as_str().into(),
                seeds.count.into(),
                Cell::Number(seeds.mean, 4),
                Cell::Number(method.interval.low, 4),
                Cell::Number(method.interval.high, 4),
                Cell::number(seeds.deviation, 4),
                Cell::Number(seeds.low, 4),
                Cell::Number(seeds.high, 4),
                of(|d| Some(d.difference)),
                of(|d| Some(d.interval.low)),
                of(|d| Some(d.interval.high)),
                Cell::number(method.seeds_interval.map(|i| i.low), 4),
                Cell::number(method.seeds_interval.map(|i| i.high), 4),
                of(|d| d.relative),
                of(|d| d.relative_interval.map(|i| i.low)),
                of(|d| d.relative_interval.map(|i| i.high)),
                count(|d| d.better),
                count(|d| d.worse),
            ]);
        }
    }
    table
}

/// The mean of a method in percent, with the deviation over its seeds where it has several.
fn spread(method: &MethodResult) -> Cell {
    let mean = 100.0 * method.seeds.mean;
    match method.seeds.deviation {
        Some(deviation) => format!("{mean:.2} ± {:.2}", 100.0 * deviation).into(),
        None => Cell::Number(mean, 2),
    }
}

/// A difference with its interval, in percentage points.
pub(super) fn percent(difference: &Difference) -> String {
    let mean = points(difference.difference);
    format!("{mean} {}", bracketed(&difference.interval))
}

/// A difference of shares in percentage points.
fn points(difference: f64) -> String {
    format!("{:+.2}", 100.0 * difference)
}

/// An interval in percentage points.
pub(super) fn bracketed(interval: &Interval) -> String {
    let [low, high] = [interval.low, interval.high].map(|value| 100.0 * value);
    format!("[{low:+.2}, {high:+.2}]")
}

/// The confidence level of the intervals, as `95 %`.
pub fn level(size: &SizeResult) -> String {
    format!("{} %", short(100.0 * size.bootstrap.level))
}

/// A number with at most two decimals.
fn short(value: f64) -> f64 {
    (100.0 * value).round() / 100.0
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::metric::{Bootstrap, Method, compare_methods};

    /// Made-up results with `methods` methods for 6, 12 and 24 training cases.
    pub(in crate::report) fn made_up(methods: usize) -> Vec<SizeResult> {
        let names = ["random", "pre-trained", "U-Net"];
        let sized = |size: usize| {
            let method = |m: usize| Method {
                name: names[m].to_owned(),
                scores: (0..3)
                    .map(|seed| {
                        let case = |case: usize| {
                            let scatter = (case * 7 + seed * 5 + m * 3) % 11;
                            0.55 + 0.01 * (size + 3 * m + scatter) as f64
                        };
                        (0..10).map(case).collect()
                    })
                    .collect(),
            };
            let all: Vec<_> = (0..methods).map(method).collect();
            compare_methods(size, &all, &Bootstrap::default()).unwrap()
        };
        [6, 12, 24].map(sized).to_vec()
    }

    #[test]
    fn the_table_has_the_originals_columns() {
        let text = table(&made_up(2)).csv();
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(
            lines[0],
            "training cases,test cases,random,pre-trained,\"pre-trained, relative improvement\",\"pre-trained, difference [95 % over cases]\",[over seeds and cases]"
        );
        assert!(
            lines[1].starts_with("6,10,65.") && lines[1].contains(" ± "),
            "{text}"
        );
        assert!(lines[1].contains(" %,\"+"), "{text}");
        assert_eq!(lines.len(), 4);
        assert_eq!(table(&[]).text(), "training cases  test cases\n");
    }

    #[test]
    fn the_short_table_has_a_row_for_every_arm_and_fits_a_terminal() {
        let mut results = made_up(3);
        let text = short_table(&results).text();
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines.len(), 10);
        let (before, last) = lines[0].split_once("95 % over cases").unwrap();
        assert!(before.starts_with("cases  arm "), "{text}");
        assert_eq!(last.trim(), "over cases and seeds");
        assert!(lines[1].starts_with("    6  random       65."), "{text}");
        // The widest there may be.
        for size in &mut results {
            for method in &mut size.methods {
                method.name = "U-Net, random".to_owned();
                (method.seeds.mean, method.seeds.deviation) = (1.0, Some(0.5));
                let widest = Interval {
                    low: -1.0,
                    high: 1.0,
                };
                method.seeds_interval = Some(widest);
                if let Some(difference) = &mut method.difference {
                    (difference.difference, difference.interval) = (-1.0, widest);
                }
            }
            (size.training_cases, size.bootstrap.level) = (10_000, 0.9999);
        }
        let text = short_table(&results).text();
        assert!(text.contains("99.99 % over cases"), "{text}");
        let columns = text.lines().map(|line| line.chars().count()).max();
        assert!(columns.is_some_and(|columns| columns <= 100), "{text}");
    }

    #[test]
    fn a_level_is_told_without_what_the_conversion_to_percent_adds() {
        let mut size = made_up(2).remove(0);
        size.bootstrap.level = 0.683;
        assert_eq!(level(&size), "68.3 %");
    }

    #[test]
    fn the_baseline_has_no_difference_and_every_method_a_row() {
        let text = details(&made_up(3)).csv();
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines.len(), 10);
        assert!(lines[1].starts_with("6,10,random,3,0.65") && lines[1].ends_with(",,,,,,,,,,"));
        assert!(!lines[2].ends_with(','), "{text}");
    }

    #[test]
    fn every_number_of_a_method_stands_below_its_name() {
        let mut results = made_up(2);
        let interval = Interval {
            low: -0.25,
            high: 0.75,
        };
        let difference = results[0].methods[1].difference.as_mut().unwrap();
        (difference.better, difference.worse) = (7, 3);
        (difference.difference, difference.interval) = (0.125, interval);
        let csv = details(&results).csv();
        let mut lines = csv.lines().map(|line| line.split(',').collect::<Vec<_>>());
        let (head, row) = (lines.next().unwrap(), lines.nth(1).unwrap());
        for (name, expected) in [
            ("better", 7.0),
            ("worse", 3.0),
            ("difference", 0.125),
            ("difference_low", -0.25),
            ("difference_high", 0.75),
        ] {
            let at = head.iter().position(|head| *head == name).unwrap();
            assert_eq!(row[at].parse::<f64>(), Ok(expected), "{name}: {csv}");
        }
    }
}
