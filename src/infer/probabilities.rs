//! Probabilities of the classes, for those who ask: labels alone need no memory for them.

use crate::infer::InferError;

/// Steps from 0 to 1 that are told apart: finer than any use of a probability, in half of f32's memory.
const STEPS: f32 = u16::MAX as f32;

/// Softmax probabilities of every class on the grid that logits come in.
#[derive(Debug, Clone)]
pub struct Probabilities {
    classes: usize,
    voxels: usize,
    /// By voxel, classes fastest.
    values: Vec<u16>,
}

impl Probabilities {
    /// Room for a grid of `voxels`; two bytes a voxel and class.
    ///
    /// # Errors
    /// [`InferError::NoRoomForProbabilities`] if there is none.
    pub fn new(voxels: usize, classes: usize) -> Result<Self, InferError> {
        let mut values = Vec::<u16>::new();
        let reserved = voxels
            .checked_mul(classes)
            .and_then(|count| values.try_reserve_exact(count).ok());
        match reserved {
            Some(()) => Ok(Self {
                classes,
                voxels,
                values,
            }),
            None => Err(InferError::NoRoomForProbabilities { voxels, classes }),
        }
    }

    /// Takes logits `[voxels, classes]` of the next voxels in C order; what exceeds the grid is left out.
    pub fn push(&mut self, logits: &[f32]) {
        let room = self.voxels - self.values.len() / self.classes.max(1);
        for logits in logits.chunks_exact(self.classes.max(1)).take(room) {
            let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            let sum: f32 = logits.iter().map(|logit| (logit - largest).exp()).sum();
            let share = |logit: &f32| (STEPS * (logit - largest).exp() / sum).round() as u16;
            self.values.extend(logits.iter().map(share));
        }
    }

    /// Number of classes, the background among them.
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// A class's probability, 0 to 1, at every voxel so far.
    pub fn of(&self, class: usize) -> Vec<f32> {
        let of_class = self.values.iter().skip(class).step_by(self.classes.max(1));
        of_class.map(|value| f32::from(*value) / STEPS).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probabilities_are_the_softmax_of_the_logits() {
        let mut kept = Probabilities::new(2, 3).unwrap();
        kept.push(&[1.0, 2.0, 3.0, 1000.0, -1000.0, 0.0]);
        // More than the grid holds is left out.
        kept.push(&[0.0, 0.0, 0.0]);
        let sum: f64 = [1.0f64, 2.0, 3.0].iter().map(|x| x.exp()).sum();
        for class in 0..3 {
            let found = kept.of(class);
            assert_eq!(found.len(), 2);
            let exact = (class as f64 + 1.0).exp() / sum;
            assert!((f64::from(found[0]) - exact).abs() < 1e-5);
            assert_eq!(found[1], if class == 0 { 1.0 } else { 0.0 });
        }
    }

    #[test]
    fn a_grid_that_fits_into_no_memory_is_refused() {
        for (voxels, classes) in [(usize::MAX, 2), (usize::MAX / 8, 4)] {
            let error = Probabilities::new(voxels, classes).unwrap_err();
            let told = error.to_string();
            assert!(told.contains("leave out --probabilities"), "{told}");
        }
    }
}
