//! Initial values of the networks' parameters (specification 5.6): PyTorch's defaults, keyed by name.

use crate::random::{Purpose, RandomSource, SampleKey, Stage};
use crate::weights::ParameterInfo;
use std::collections::BTreeMap;
use std::f64::consts::TAU;

/// Standard deviation of the position embeddings.
const POSITION_SIGMA: f64 = 0.02;

/// Draws the initial value of every parameter of a network, in the order given and in the layout of files.
///
/// Weights and biases of linear layers and convolutions are uniform within `1 / sqrt(F)`, where F is the number
/// of inputs one output sees (numbers in the weight divided by its first axis); norms are 1 and 0; position
/// embeddings are normal with deviation 0.02. A value depends on the seed and the parameter's name alone.
pub(super) fn initial_value(parameters: &[ParameterInfo], seed: u64) -> Vec<Vec<f32>> {
    let fans: BTreeMap<&str, f64> = parameters
        .iter()
        .filter(|p| p.shape.len() > 1)
        .filter_map(|p| Some((p.name.strip_suffix("weight")?, fan(&p.shape))))
        .collect();
    parameters
        .iter()
        .map(|parameter| {
            let key = SampleKey {
                seed,
                stage: Stage::Pretraining,
                epoch: 0,
                step: 0,
                sample: name_number(&parameter.name),
            };
            draw(parameter, &fans, &mut key.for_purpose(Purpose::Init))
        })
        .collect()
}

fn draw(
    parameter: &ParameterInfo,
    fans: &BTreeMap<&str, f64>,
    random: &mut impl RandomSource,
) -> Vec<f32> {
    let count = parameter.shape.iter().product();
    if parameter.name.ends_with("position_embeddings") {
        return normal(count, POSITION_SIGMA, random);
    }
    let stem = parameter
        .name
        .strip_suffix("weight")
        .or_else(|| parameter.name.strip_suffix("bias"));
    match stem.and_then(|stem| fans.get(stem)) {
        Some(fan) => {
            let bound = fan.sqrt().recip();
            (0..count)
                .map(|_| (bound * (2.0 * random.uniform() - 1.0)) as f32)
                .collect()
        }
        // No matrix of that name: a norm.
        None if parameter.name.ends_with("weight") => vec![1.0; count],
        None => vec![0.0; count],
    }
}

fn fan(shape: &[usize]) -> f64 {
    shape.iter().skip(1).product::<usize>() as f64
}

/// Box and Muller's transform, which needs two draws a pair and never sees the logarithm of zero.
fn normal(count: usize, sigma: f64, random: &mut impl RandomSource) -> Vec<f32> {
    let mut values = Vec::with_capacity(count + 1);
    while values.len() < count {
        let radius = (-2.0 * (1.0 - random.uniform()).ln()).sqrt() * sigma;
        let angle = TAU * random.uniform();
        values.push((radius * angle.cos()) as f32);
        values.push((radius * angle.sin()) as f32);
    }
    values.truncate(count);
    values
}

/// The first eight bytes of the name's hash: tells parameters apart in a random key.
fn name_number(name: &str) -> u64 {
    blake3::hash(name.as_bytes())
        .as_bytes()
        .iter()
        .take(8)
        .fold(0, |number, byte| number << 8 | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info(name: &str, shape: &[usize]) -> ParameterInfo {
        ParameterInfo {
            name: name.into(),
            shape: shape.to_vec(),
        }
    }

    #[test]
    fn initial_values_follow_the_distributions_of_the_specification() {
        let parameters = [
            info("position_embeddings", &[1, 200, 100]),
            info("linear.weight", &[100, 400]),
            info("linear.bias", &[100]),
            info("norm.weight", &[8]),
            info("norm.bias", &[8]),
            info("deconv.weight", &[64, 2, 2, 2, 2]),
        ];
        let values = initial_value(&parameters, 7);
        let rms = |v: &[f32]| {
            (v.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>() / v.len() as f64).sqrt()
        };
        assert!((rms(&values[0]) - 0.02).abs() < 0.001);
        assert!((rms(&values[1]) - 0.05 / 3f64.sqrt()).abs() < 0.001);
        assert!(values[1].iter().all(|v| v.abs() <= 0.05));
        assert!(values[2].iter().all(|v| v.abs() <= 0.05));
        assert!(values[2].iter().any(|v| v.abs() > 0.025));
        assert!(values[3].iter().all(|v| *v == 1.0));
        assert!(values[4].iter().all(|v| *v == 0.0));
        assert!(values[5].iter().all(|v| v.abs() <= 0.25));
        assert!(values[5].iter().any(|v| v.abs() > 0.2));
    }

    #[test]
    fn initial_values_depend_on_seed_and_name_alone() {
        let a = info("a.weight", &[4, 4]);
        let b = info("b.weight", &[4, 4]);
        let both = initial_value(&[a.clone(), b.clone()], 1);
        assert_eq!(initial_value(&[b], 1)[0], both[1]);
        assert_ne!(both[0], both[1]);
        assert_ne!(initial_value(&[a], 2)[0], both[0]);
    }
}
