//! A start from the classes' shares of the training voxels.

use crate::dataset::{DatasetError, VolumeSource};
use crate::nn::Segmenter;
use crate::transform::Labelled;
use crate::weights::{self, HEAD, Values};

/// Adds the biases of the last layer to the values that a network starts from: the logarithm of each class's share of the
/// voxels of some cases. A bias that is there already belongs to its layer's trained weights and stays.
///
/// They make a network without other knowledge predict these shares, so that the first steps do not push every small
/// class towards 0, from where a softmax does not bring it back (the prior of Lin et al., 2017).
///
/// # Errors
/// Those of the volumes.
pub(super) fn add_class_prior(
    start: &mut Values,
    network: &Segmenter,
    cases: &dyn VolumeSource<Labelled>,
) -> Result<(), DatasetError> {
    let prior = log_shares(cases, network.classes())?;
    let names = weights::describe(network).into_iter().map(|p| p.name);
    for name in names.filter(|name| name.starts_with(HEAD) && name.ends_with("bias")) {
        start.entry(name).or_insert_with(|| prior.clone());
    }
    Ok(())
}

/// The logarithm of each class's share of the voxels of some cases; a class that never occurs counts as one voxel.
fn log_shares(
    cases: &dyn VolumeSource<Labelled>,
    classes: usize,
) -> Result<Vec<f32>, DatasetError> {
    let mut counts = vec![0_u64; classes];
    for index in 0..cases.len() {
        for label in &cases.volume(index)?.label {
            if let Some(count) = counts.get_mut(usize::from(*label)) {
                *count += 1;
            }
        }
    }
    let all = counts.iter().sum::<u64>().max(1) as f64;
    let share = |count: u64| count.max(1) as f64 / all;
    Ok(counts.into_iter().map(|n| share(n).ln() as f32).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::finetuning::tests::{cases, config};
    use crate::train::{Finetuning, Task};
    use burn::tensor::Device;

    const BIAS: &str = "out.conv.conv.bias";

    /// The network before the first step.
    fn fresh(class_prior: bool, start: Values) -> Values {
        let mut config = config();
        config.start.class_prior = class_prior;
        let zeros = Finetuning::zeros(&config, &Device::flex()).unwrap();
        let task = Finetuning::new(config, cases(), cases(), start).unwrap();
        let network = task.initial(zeros).unwrap();
        let found = pollster::block_on(weights::export(&network)).unwrap();
        found
            .into_iter()
            .map(|(info, values)| (info.name, values))
            .collect()
    }

    #[test]
    fn a_class_prior_starts_from_the_shares_of_the_training_voxels() {
        let (plain, prior) = (fresh(false, Values::new()), fresh(true, Values::new()));
        let shares = [7.0 / 8.0, 1.0 / 8.0, 1.0 / 1024.0];
        for (bias, share) in prior[BIAS].iter().zip(shares) {
            assert!((bias - f32::ln(share)).abs() < 1e-3, "{:?}", prior[BIAS]);
        }
        let others = |values: &Values| {
            let mut values = values.clone();
            values.remove(BIAS);
            values
        };
        assert_eq!(others(&plain), others(&prior));
        assert_ne!(plain[BIAS], prior[BIAS]);
    }

    #[test]
    fn a_trained_last_layer_keeps_its_biases() {
        let trained = vec![1.0, 2.0, 3.0];
        let start = Values::from([(BIAS.to_owned(), trained.clone())]);
        assert_eq!(fresh(true, start)[BIAS], trained);
    }
}
