//! Attention over short sequences.

use crate::device::DeviceError;
use crate::device::suite::probe::{compare, host, leaf, noise, places};
use crate::device::suite::{Extent, SuiteResult};
use crate::kernels::{attention, sum_all};
use burn::Tensor;
use burn::tensor::{Device, TensorData};

/// Batch times heads, tokens, width of a head.
type Case = (usize, usize, usize);

const REDUCED: [Case; 4] = [(1, 1, 1), (3, 7, 5), (4, 27, 32), (2, 216, 64)];
/// The last one's scores are 143 MB in one tensor: it is worked out in parts.
const FULL: [Case; 2] = [(24, 216, 64), (12, 1728, 8)];

pub(super) async fn check(
    device: &Device,
    extent: Extent,
    results: &mut Vec<SuiteResult>,
) -> Result<(), DeviceError> {
    for case in REDUCED {
        one(device, case, results).await?;
    }
    if extent == Extent::Full {
        for case in FULL {
            one(device, case, results).await?;
        }
    }
    Ok(())
}

/// What a query sees: softmax of its scores.
fn weights(q: &[f32], k: &[f32], row: usize, (_, tokens, width): Case, scale: f64) -> Vec<f64> {
    let head = row / tokens;
    let scores: Vec<f64> = (0..tokens)
        .map(|key| {
            let key = (head * tokens + key) * width;
            (0..width)
                .map(|i| f64::from(q[row * width + i]) * f64::from(k[key + i]))
                .sum::<f64>()
                * scale
        })
        .collect();
    let largest = scores.iter().copied().fold(f64::MIN, f64::max);
    let powers: Vec<f64> = scores.iter().map(|s| (s - largest).exp()).collect();
    let sum: f64 = powers.iter().sum();
    powers.iter().map(|p| p / sum).collect()
}

async fn one(
    device: &Device,
    case: Case,
    results: &mut Vec<SuiteResult>,
) -> Result<(), DeviceError> {
    let name = "attention";
    let (heads, tokens, width) = case;
    let shape = [1, heads, tokens, width];
    let count = heads * tokens * width;
    let [q, k, v] = [1, 2, 3].map(|seed| {
        noise(seed, count)
            .iter()
            .map(|x| 2.0 * x)
            .collect::<Vec<f32>>()
    });
    let grad = noise(4, count);
    let leaves = [&q, &k, &v].map(|values| leaf(values, shape, device));
    let [lq, lk, lv] = leaves.clone();
    let y = attention(lq, lk, lv);
    let weighting = Tensor::<4>::from_data(TensorData::new(grad.clone(), shape), device);
    let all = sum_all(y.clone() * weighting).backward();
    let scale = (width as f64).powf(-0.5);

    // Rows of the reference are made when asked for and kept: places of one row stand together.
    let row_of = std::cell::RefCell::new((usize::MAX, Vec::new()));
    let seen = |row: usize| -> Vec<f64> {
        let mut kept = row_of.borrow_mut();
        if kept.0 != row {
            *kept = (row, weights(&q, &k, row, case, scale));
        }
        kept.1.clone()
    };
    let of = |what: &str| format!("attention, {heads} heads, {tokens} tokens of {width}: {what}");
    let found = host(name, y.inner()).await?;
    let at = |head: usize, token: usize, i: usize| (head * tokens + token) * width + i;
    let exact = |place: usize| {
        let (row, i) = (place / width, place % width);
        seen(row)
            .iter()
            .enumerate()
            .map(|(key, p)| p * f64::from(v[at(row / tokens, key, i)]))
            .sum()
    };
    compare(of("output"), &found, &places(count), exact, results);

    // The gradient of the queries tests the whole chain; those of keys and values are sums over queries.
    let score_gradient = |row: usize| -> Vec<f64> {
        let p = seen(row);
        let head = row / tokens;
        let by_p: Vec<f64> = (0..tokens)
            .map(|key| {
                (0..width)
                    .map(|i| f64::from(grad[row * width + i]) * f64::from(v[at(head, key, i)]))
                    .sum()
            })
            .collect();
        let mean: f64 = p.iter().zip(&by_p).map(|(p, d)| p * d).sum();
        p.iter().zip(&by_p).map(|(p, d)| p * (d - mean)).collect()
    };
    let gradient = |index: usize| {
        leaves[index]
            .grad(&all)
            .unwrap_or_else(|| Tensor::full(shape, f32::NAN, device))
    };
    let found = host(name, gradient(0)).await?;
    let rows: Vec<usize> = (0..heads * tokens)
        .step_by((heads * tokens / 64).max(1) | 1)
        .collect();
    let some = |rows: &[usize]| -> Vec<usize> {
        rows.iter()
            .flat_map(|row| row * width..(row + 1) * width)
            .collect()
    };
    let kept = std::cell::RefCell::new((usize::MAX, Vec::new()));
    let exact = |place: usize| {
        let (row, i) = (place / width, place % width);
        let mut kept = kept.borrow_mut();
        if kept.0 != row {
            *kept = (row, score_gradient(row));
        }
        let sum: f64 = kept
            .1
            .iter()
            .enumerate()
            .map(|(key, g)| g * f64::from(k[at(row / tokens, key, i)]))
            .sum();
        sum * scale
    };
    compare(
        of("gradient of the queries"),
        &found,
        &some(&rows),
        exact,
        results,
    );

    // One key of one head: all queries of that head look at it.
    let (head, key) = (heads / 2, tokens / 3);
    let (mut gk, mut gv) = (vec![0.0; width], vec![0.0; width]);
    for row in head * tokens..(head + 1) * tokens {
        let (p, slope) = (seen(row)[key], score_gradient(row)[key]);
        for i in 0..width {
            gk[i] += slope * f64::from(q[row * width + i]) * scale;
            gv[i] += p * f64::from(grad[row * width + i]);
        }
    }
    let first = at(head, key, 0);
    let places: Vec<usize> = (first..first + width).collect();
    for (index, exact, what) in [(1, gk, "keys"), (2, gv, "values")] {
        let found = host(name, gradient(index)).await?;
        let what = of(&format!("gradient of the {what}"));
        // A single row: against the scale of a typical gradient, lest a row near zero count as an error.
        compare(what, &found, &places, |p| exact[p - first], results);
    }
    Ok(())
}
