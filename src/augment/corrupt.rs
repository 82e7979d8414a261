//! How views are made of their patches, whichever generators draw (specification 3.2 to 3.5).

use super::CorruptionSpec;
use super::fill::{inpaint, outpaint, shuffle, value_range};
use super::holes::draw_holes;
use crate::random::RandomSource;
use crate::volume::Region;

/// A corruption step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// Noise inside the boxes.
    Inpaint,
    /// Noise outside the boxes.
    Outpaint,
    /// Permuted voxels inside the boxes.
    Shuffle,
}

/// One corruption step that was carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CorruptionStep {
    /// What was done.
    pub operation: Operation,
    /// The boxes, in the order of their drawing.
    pub boxes: Vec<Region>,
}

/// Where the random numbers of one view come from.
pub(super) trait ViewRandom {
    /// What draws boxes, noise and permutations.
    type Source: RandomSource;

    /// The number that decides between in- and out-painting.
    fn choice(&mut self) -> f64;

    /// The number that decides whether voxels are shuffled.
    fn shuffle_decision(&mut self) -> f64;

    /// The generator for an operation that is to be carried out.
    fn source(&mut self, operation: Operation) -> &mut Self::Source;
}

/// A patch that views are made of.
#[derive(Clone, Copy)]
pub(super) struct Clean<'a> {
    values: &'a [f32],
    shape: [usize; 3],
    /// Bounds of the noise.
    range: (f32, f32),
}

impl<'a> Clean<'a> {
    /// A patch of `shape` voxels in C order.
    pub(super) fn new(values: &'a [f32], shape: [usize; 3]) -> Self {
        Self {
            values,
            shape,
            range: value_range(values),
        }
    }
}

/// Writes a view of every patch into the buffer beside it: all are in- or out-painted, then all are shuffled, as the
/// reference carries out one transform on every sample of a volume before the next. `spec` must be valid for the
/// patches. Returns the steps in their order.
pub(super) fn corrupt(
    random: &mut impl ViewRandom,
    samples: &mut [(Clean<'_>, &mut [f32])],
    spec: &CorruptionSpec,
) -> Vec<CorruptionStep> {
    let mut steps = Vec::new();
    for (clean, view) in samples.iter_mut() {
        steps.push(drop_out(random, *clean, view, spec));
    }
    for (clean, view) in samples.iter_mut() {
        if random.shuffle_decision() < spec.shuffle.probability {
            let random = random.source(Operation::Shuffle);
            let boxes = draw_holes(random, clean.shape, &spec.shuffle.boxes(), false);
            shuffle(random, view, clean.shape, &boxes);
            steps.push(CorruptionStep {
                operation: Operation::Shuffle,
                boxes,
            });
        }
    }
    steps
}

/// In- or out-painting, equally likely.
fn drop_out(
    random: &mut impl ViewRandom,
    clean: Clean<'_>,
    view: &mut [f32],
    spec: &CorruptionSpec,
) -> CorruptionStep {
    let Clean {
        values,
        shape,
        range,
    } = clean;
    let inside = random.choice() > 0.5;
    let (operation, holes) = match inside {
        true => (Operation::Inpaint, &spec.inpaint),
        false => (Operation::Outpaint, &spec.outpaint),
    };
    let random = random.source(operation);
    let boxes = draw_holes(random, shape, holes, spec.ratchet);
    if inside {
        view.copy_from_slice(values);
        inpaint(random, view, shape, &boxes, range);
    } else {
        outpaint(random, values, view, shape, &boxes, range);
    }
    CorruptionStep { operation, boxes }
}
