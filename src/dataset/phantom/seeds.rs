//! Which phantoms a run learns from, and what they are called.

/// Seeds of phantoms for validation start here, far from those of training; the seed of a run is added to both.
const VALIDATION_SEED: u64 = 1 << 32;
/// What the name of a phantom begins with; its seed follows.
const NAME: &str = "phantom ";

/// Seeds of the phantoms of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunSeeds {
    /// Of those to train on.
    pub training: Vec<u64>,
    /// Of those to choose a checkpoint on.
    pub validation: Vec<u64>,
}

impl RunSeeds {
    /// Seeds of a run with the seed `run_seed` that trains on `training` phantoms. A quarter as many, rounded up,
    /// validate.
    pub fn of(run_seed: u64, training: usize) -> Self {
        let from = |first: u64, count: usize| -> Vec<u64> {
            let first = first.wrapping_add(run_seed);
            (0u64..)
                .take(count)
                .map(|n| first.wrapping_add(n))
                .collect()
        };
        RunSeeds {
            training: from(0, training),
            validation: from(VALIDATION_SEED, training.div_ceil(4)),
        }
    }
}

/// What the case of a seed is called.
pub fn name_of(seed: u64) -> String {
    format!("{NAME}{seed}")
}

/// The seed in the name of a case, if it is that of a phantom.
pub fn seed_of(name: &str) -> Option<u64> {
    name.strip_prefix(NAME)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_validates_on_a_quarter_as_many_phantoms_that_it_does_not_train_on() {
        let seeds = RunSeeds::of(7, 5);
        assert_eq!(seeds.training, [7, 8, 9, 10, 11]);
        assert_eq!(seeds.validation, [VALIDATION_SEED + 7, VALIDATION_SEED + 8]);
        let last = RunSeeds::of(u64::MAX, 2);
        assert_eq!(last.training, [u64::MAX, 0]);
        assert_eq!(last.validation, [VALIDATION_SEED - 1]);
        let none = RunSeeds::of(7, 0);
        assert!(none.training.is_empty() && none.validation.is_empty());
    }

    #[test]
    fn names_tell_seeds() {
        assert_eq!(name_of(2026), "phantom 2026");
        for seed in [0, 2026, u64::MAX] {
            assert_eq!(seed_of(&name_of(seed)), Some(seed));
        }
        for other in ["phantom", "phantom x", "phantom 1.nii", "a phantom 1", ""] {
            assert_eq!(seed_of(other), None, "{other}");
        }
    }
}
