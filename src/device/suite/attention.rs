//! Attention over short sequences.

use crate::device::DeviceError;
use crate::device::suite::probe::{compare, held, host, leaf, noise, places};
use crate::device::suite::{Extent, SuiteResult};
use crate::kernels::{attention, sum_all};
use crate::nn::{Precision, single};
use burn::Tensor;
use burn::tensor::{Device, TensorData};
use std::collections::BTreeMap;

/// Batch times heads, tokens, width of a head.
type Case = (usize, usize, usize);

const REDUCED: [Case; 4] = [(1, 1, 1), (3, 7, 5), (4, 27, 32), (2, 216, 64)];
/// The last one's scores are 143 MB in one tensor: it is worked out in parts.
const FULL: [Case; 2] = [(24, 216, 64), (12, 1728, 8)];
/// The most tokens in f16: of more, shares lie below its normal numbers, and adapters may take those for 0.
const MOST_IN_HALF: usize = 216;

pub(super) async fn check(
    device: &Device,
    extent: Extent,
    precision: Precision,
    results: &mut Vec<SuiteResult>,
) -> Result<(), DeviceError> {
    for case in extent.cases(REDUCED, FULL) {
        let (_, tokens, _) = case;
        if precision == Precision::F16 && tokens > MOST_IN_HALF {
            continue;
        }
        one(device, precision, case, results).await?;
    }
    Ok(())
}

/// Attention as its definition says, at single places. Rows are those of all heads, one after the other.
struct Reference<'a> {
    case: Case,
    q: &'a [f32],
    k: &'a [f32],
    v: &'a [f32],
    grad: &'a [f32],
}

impl Reference<'_> {
    fn scale(&self) -> f64 {
        let (_, _, width) = self.case;
        (width as f64).powf(-0.5)
    }

    /// A row of `a` times each row of `b` of the same head.
    fn products(&self, a: &[f32], b: &[f32], row: usize) -> Vec<f64> {
        let (_, tokens, width) = self.case;
        let a = &a[row * width..(row + 1) * width];
        let head = row / tokens * tokens * width;
        b[head..head + tokens * width]
            .chunks_exact(width)
            .map(|b| {
                let terms = a.iter().zip(b);
                terms.map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
            })
            .collect()
    }

    /// The sum of the rows of `values` of a place's head, each times its factor, at that place.
    fn mixture(&self, factors: &[f64], values: &[f32], place: usize) -> f64 {
        let (_, tokens, width) = self.case;
        let head = place / width / tokens * tokens;
        let values = (head..).map(|row| f64::from(values[row * width + place % width]));
        factors.iter().zip(values).map(|(f, value)| f * value).sum()
    }

    /// What a query sees: softmax of its scores.
    fn row(&self, row: usize) -> Vec<f64> {
        let mut scores = self.products(self.q, self.k, row);
        for score in &mut scores {
            *score *= self.scale();
        }
        let largest = scores.iter().copied().fold(f64::MIN, f64::max);
        let powers: Vec<f64> = scores.iter().map(|s| (s - largest).exp()).collect();
        let sum: f64 = powers.iter().sum();
        powers.iter().map(|p| p / sum).collect()
    }

    /// The gradient of a query's scores; `p` is what it sees.
    fn slope(&self, row: usize, p: &[f64]) -> Vec<f64> {
        let by_p = self.products(self.grad, self.v, row);
        let mean: f64 = p.iter().zip(&by_p).map(|(p, d)| p * d).sum();
        p.iter().zip(&by_p).map(|(p, d)| p * (d - mean)).collect()
    }

    fn output(&self, place: usize) -> f64 {
        let (_, _, width) = self.case;
        self.mixture(&self.row(place / width), self.v, place)
    }

    /// The gradient of a query.
    fn query_gradient(&self, row: usize) -> Vec<f64> {
        let (_, _, width) = self.case;
        let slope = self.slope(row, &self.row(row));
        (row * width..(row + 1) * width)
            .map(|place| self.mixture(&slope, self.k, place) * self.scale())
            .collect()
    }

    /// The gradients of a key and of its value: all queries of their head look at them.
    fn key_and_value_gradients(&self, head: usize, key: usize) -> [Vec<f64>; 2] {
        let (_, tokens, width) = self.case;
        let (mut of_key, mut of_value) = (vec![0.0; width], vec![0.0; width]);
        for row in head * tokens..(head + 1) * tokens {
            let p = self.row(row);
            let (p, slope) = (p[key], self.slope(row, &p)[key]);
            for i in 0..width {
                of_key[i] += slope * f64::from(self.q[row * width + i]) * self.scale();
                of_value[i] += p * f64::from(self.grad[row * width + i]);
            }
        }
        [of_key, of_value]
    }
}

async fn one(
    device: &Device,
    precision: Precision,
    case: Case,
    results: &mut Vec<SuiteResult>,
) -> Result<(), DeviceError> {
    let name = "attention";
    let (heads, tokens, width) = case;
    let shape = [1, heads, tokens, width];
    let count = heads * tokens * width;
    let [q, k, v] = [1, 2, 3].map(|seed| {
        let values = noise(seed, count).iter().map(|x| 2.0 * x).collect();
        held(values, precision)
    });
    let grad = held(noise(4, count), precision);
    let leaves = [&q, &k, &v].map(|values| leaf(values, shape, device));
    let [lq, lk, lv] = leaves.clone().map(|leaf| precision.cast(leaf));
    let y = attention(lq, lk, lv);
    let weighting = Tensor::<4>::from_data(TensorData::new(grad.clone(), shape), device);
    let all = sum_all(single(y.clone()) * weighting).backward();
    let gradient = |index: usize| {
        leaves[index]
            .grad(&all)
            .unwrap_or_else(|| Tensor::full(shape, f32::NAN, device))
    };
    let reference = Reference {
        case,
        q: &q,
        k: &k,
        v: &v,
        grad: &grad,
    };
    let of = |what: &str| format!("attention, {heads} heads, {tokens} tokens of {width}: {what}");

    let found = host(name, y.inner()).await?;
    let exact = |place| reference.output(place);
    compare(of("output"), &found, &places(count), exact, results);

    // The gradient of the queries tests the whole chain; those of keys and values are sums over queries.
    let found = host(name, gradient(0)).await?;
    let exact: BTreeMap<usize, f64> = (0..heads * tokens)
        .step_by((heads * tokens / 64).max(1) | 1)
        .flat_map(|row| (row * width..).zip(reference.query_gradient(row)))
        .collect();
    let some: Vec<usize> = exact.keys().copied().collect();
    let what = of("gradient of the queries");
    compare(what, &found, &some, |place| exact[&place], results);

    // One key of one head.
    let (head, key) = (heads / 2, tokens / 3);
    let [of_key, of_value] = reference.key_and_value_gradients(head, key);
    let first = (head * tokens + key) * width;
    let places: Vec<usize> = (first..first + width).collect();
    for (index, exact, what) in [(1, of_key, "keys"), (2, of_value, "values")] {
        let found = host(name, gradient(index)).await?;
        let what = of(&format!("gradient of the {what}"));
        // A single row: against the scale of a typical gradient, lest a row near zero count as an error.
        compare(what, &found, &places, |p| exact[p - first], results);
    }
    Ok(())
}
