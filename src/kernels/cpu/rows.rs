//! Sums over the rows of a matrix, `[rows, features]`.

use super::moments::sum_channels;
use crate::kernels::host::vectorised;
use crate::platform::map_tasks;

/// Rows that are added in f32, one after the other: the gradient of a bias sums millions of numbers that may all have one
/// sign, and one sum in f32 over them would lose per cents.
const RUN: usize = 128;
/// Numbers of a row, at least, that are added side by side: narrow rows are taken several at once.
const WIDTH: usize = 32;
/// Numbers of a task: they stay in the second-level cache.
const TASK: usize = 1 << 16;

/// The sum of each column, `[features]`. Short runs are summed in f32 and merged in order in f64, so sums do not depend on
/// the threads.
pub(in crate::kernels) fn sum_rows(x: &[f32], features: usize) -> Vec<f32> {
    if features == 0 {
        return Vec::new();
    }
    let width = features * (WIDTH / features).max(1);
    let run = RUN * width;
    let task = run * (TASK / run).max(1);
    let sums = map_tasks(x.len().div_ceil(task), |index| {
        let start = index * task;
        let x = &x[start..x.len().min(start + task)];
        vectorised(
            #[inline(always)]
            || sum_part(x, features, width),
        )
    });
    let mut total = vec![0.0f64; features];
    for sums in &sums {
        add(&mut total, sums);
    }
    total.iter().map(|total| *total as f32).collect()
}

#[inline(always)]
fn sum_part(x: &[f32], features: usize, width: usize) -> Vec<f64> {
    let mut total = vec![0.0f64; features];
    let mut sums = vec![0.0f32; width];
    for run in x.chunks(RUN * width) {
        let (wide, narrow) = run.split_at(run.len() - run.len() % width);
        sum_channels([wide], width, [&mut sums], |_, [x]| [x]);
        for row in sums.chunks(features).chain(narrow.chunks(features)) {
            add(&mut total, row);
        }
    }
    total
}

#[inline(always)]
pub(super) fn add<T: Copy + Into<f64>>(total: &mut [f64], row: &[T]) {
    for (total, x) in total.iter_mut().zip(row) {
        *total += (*x).into();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_summed_once() {
        for features in [1, 2, 3, 5, 16, 31, 32, 33, 70, 130] {
            for rows in [0, 1, 2, 31, 127, 129, 5003] {
                let x: Vec<f32> = (0..rows * features).map(|n| (n % 1009) as f32).collect();
                let mut expected = vec![0.0f64; features];
                for row in x.chunks(features) {
                    add(&mut expected, row);
                }
                // Whole numbers that f32 holds: nothing is rounded but the result.
                let expected: Vec<f32> = expected.into_iter().map(|x| x as f32).collect();
                assert_eq!(sum_rows(&x, features), expected, "{rows} x {features}");
            }
        }
        assert!(sum_rows(&[], 0).is_empty());
    }

    #[test]
    fn millions_of_rows_of_one_sign_lose_nothing() {
        let (rows, value) = (2_000_003, 1.1e-7f32);
        let exact = rows as f64 * f64::from(value);
        for features in [1, 4] {
            for found in sum_rows(&vec![value; rows * features], features) {
                let error = (f64::from(found) / exact - 1.0).abs();
                assert!(error < 1e-6, "{features} features: {error}");
            }
        }
    }
}
