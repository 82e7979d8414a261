//! Two corrupted views of one random patch, in training (specification 3.5).

use super::corrupt::{Clean, ViewRandom, corrupt};
use super::patch::{random_crop_region, voxels};
use super::{AugmentError, CorruptionSpec, Operation, copy_patch};
use crate::random::{KeyedRandom, Purpose, RandomSource, SampleKey};
use crate::volume::Volume;

/// One sample of pre-training. Every field has one value per voxel of the patch, in C order.
#[derive(Debug, Clone, PartialEq)]
pub struct Views {
    /// The patch itself.
    pub target: Vec<f32>,
    /// The first corrupted view.
    pub view1: Vec<f32>,
    /// The second corrupted view, independent of the first.
    pub view2: Vec<f32>,
}

/// A random patch of `v` and two views of it: a pure function of the arguments.
///
/// # Errors
/// When `v` is smaller than `patch` or `spec` does not fit it.
pub fn views(
    v: &Volume,
    patch: [usize; 3],
    spec: &CorruptionSpec,
    key: SampleKey,
) -> Result<Views, AugmentError> {
    let empty = || -> Result<Vec<f32>, AugmentError> { Ok(vec![0.0; voxels(patch)?]) };
    // Before any memory is taken: a patch that fits a volume fits into memory.
    check(v, patch, spec)?;
    let mut made = Views {
        target: empty()?,
        view1: empty()?,
        view2: empty()?,
    };
    let out = [&mut made.target[..], &mut made.view1, &mut made.view2];
    write_views(v, patch, spec, key, out)?;
    Ok(made)
}

/// As [`views`], into existing buffers `[target, view1, view2]`, for example those of a batch.
///
/// # Errors
/// As [`views`], and [`AugmentError::BufferSize`] when a buffer does not have one value per voxel.
pub fn write_views(
    v: &Volume,
    patch: [usize; 3],
    spec: &CorruptionSpec,
    key: SampleKey,
    out: [&mut [f32]; 3],
) -> Result<(), AugmentError> {
    check(v, patch, spec)?;
    let count = voxels(patch)?;
    let [target, view1, view2] = out;
    for (what, len) in [
        ("the target", target.len()),
        ("the first view", view1.len()),
        ("the second view", view2.len()),
    ] {
        if len != count {
            return Err(AugmentError::BufferSize { what, len, patch });
        }
    }
    let mut random = key.for_purpose(Purpose::Crop);
    copy_patch(
        v,
        random_crop_region(&mut random, v.shape(), patch)?,
        target,
    )?;

    let clean = Clean::new(target, patch);
    let mut first = KeyedView::new(
        key,
        Purpose::View1Choice,
        Purpose::View1Dropout,
        Purpose::View1Shuffle,
    );
    corrupt(&mut first, &mut [(clean, view1)], spec);
    let mut second = KeyedView::new(
        key,
        Purpose::View2Choice,
        Purpose::View2Dropout,
        Purpose::View2Shuffle,
    );
    corrupt(&mut second, &mut [(clean, view2)], spec);
    Ok(())
}

/// The generators of one view of one sample.
struct KeyedView {
    choice: KeyedRandom,
    /// Of in- or out-painting, whichever it is.
    dropout: KeyedRandom,
    shuffle: KeyedRandom,
}

impl KeyedView {
    fn new(key: SampleKey, choice: Purpose, dropout: Purpose, shuffle: Purpose) -> Self {
        Self {
            choice: key.for_purpose(choice),
            dropout: key.for_purpose(dropout),
            shuffle: key.for_purpose(shuffle),
        }
    }
}

impl ViewRandom for KeyedView {
    type Source = KeyedRandom;

    fn choice(&mut self) -> f64 {
        self.choice.uniform()
    }

    fn shuffle_decision(&mut self) -> f64 {
        self.shuffle.uniform()
    }

    fn source(&mut self, operation: Operation) -> &mut KeyedRandom {
        match operation {
            Operation::Inpaint | Operation::Outpaint => &mut self.dropout,
            Operation::Shuffle => &mut self.shuffle,
        }
    }
}

fn check(v: &Volume, patch: [usize; 3], spec: &CorruptionSpec) -> Result<(), AugmentError> {
    spec.validate(patch)?;
    let shape = v.shape();
    if (0..3).any(|a| patch[a] > shape[a]) {
        return Err(AugmentError::VolumeTooSmall { shape, patch });
    }
    Ok(())
}

#[cfg(test)]
mod tests;
