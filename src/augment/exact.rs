//! The random chain of the reference implementation, bit for bit (pipeline specification, sections
//! 3 and 14).

use super::fill::{inpaint, outpaint, shuffle, value_range};
use super::holes::draw_holes;
use super::patch::random_crop_region;
use super::{AugmentError, CorruptionSpec, DropoutSpec, Mt19937, RandomSource, Views, copy_patch};
use crate::volume::{Region, Volume};

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
pub struct ExactEvent {
    /// What was done.
    pub operation: Operation,
    /// The boxes, in the order of their drawing.
    pub boxes: Vec<Region>,
}

/// The samples of one volume, and how they came about.
#[derive(Debug, Clone, PartialEq)]
pub struct ExactBatch {
    /// The samples.
    pub views: Vec<Views>,
    /// The patch of every sample.
    pub crops: Vec<Region>,
    /// The corruption steps in order of execution: transform by transform, within each sample by
    /// sample. Skipped shuffles are absent.
    pub events: Vec<ExactEvent>,
}

/// The random transforms of pre-training with the generators of the reference implementation. They
/// advance from volume to volume, so the order of the volumes matters.
#[derive(Debug, Clone)]
pub struct ExactChain {
    patch: [usize; 3],
    spec: CorruptionSpec,
    seeds: [u32; 5],
    crop: Mt19937,
    views: [View; 2],
}

#[derive(Debug, Clone)]
struct View {
    choice: Mt19937,
    inpaint: Paired,
    outpaint: Paired,
    shuffle: Paired,
}

/// The two generators, equally seeded, of a dictionary transform: the outer one only decides
/// whether to apply it.
#[derive(Debug, Clone)]
pub(super) struct Paired {
    outer: Mt19937,
    inner: Mt19937,
}

impl Paired {
    pub(super) fn new(seed: u32) -> Self {
        Self {
            outer: Mt19937::new(seed),
            inner: Mt19937::new(seed),
        }
    }

    /// The inner generator, ready for the parameters, if the transform applies.
    pub(super) fn applies(&mut self, probability: f64) -> Option<&mut Mt19937> {
        let applies = self.outer.uniform() < probability;
        applies.then(|| {
            // The array transform draws for its own probability, which is 1.
            self.inner.uniform();
            &mut self.inner
        })
    }
}

impl View {
    fn new(one_of: u32, shuffle: u32) -> Self {
        let mut choice = Mt19937::new(one_of);
        let [inpaint, outpaint] = [(); 2].map(|()| Paired::new(choice.next_u32()));
        Self {
            choice,
            inpaint,
            outpaint,
            shuffle: Paired::new(shuffle),
        }
    }

    fn drop_out(
        &mut self,
        data: &mut [f32],
        patch: [usize; 3],
        spec: &CorruptionSpec,
    ) -> Option<ExactEvent> {
        let range = value_range(data);
        let draw = |random: &mut Mt19937, holes: &DropoutSpec| {
            draw_holes(random, patch, holes, spec.ratchet)
        };
        if self.choice.uniform() > 0.5 {
            let random = self.inpaint.applies(1.0)?;
            let boxes = draw(random, &spec.inpaint);
            inpaint(random, data, patch, &boxes, range);
            Some(ExactEvent {
                operation: Operation::Inpaint,
                boxes,
            })
        } else {
            let random = self.outpaint.applies(1.0)?;
            let boxes = draw(random, &spec.outpaint);
            let original = data.to_vec();
            outpaint(random, &original, data, patch, &boxes, range);
            Some(ExactEvent {
                operation: Operation::Outpaint,
                boxes,
            })
        }
    }

    fn shuffle(
        &mut self,
        data: &mut [f32],
        patch: [usize; 3],
        spec: &CorruptionSpec,
    ) -> Option<ExactEvent> {
        let random = self.shuffle.applies(spec.shuffle.probability)?;
        let boxes = draw_holes(random, patch, &spec.shuffle.boxes(), false);
        shuffle(random, data, patch, &boxes);
        Some(ExactEvent {
            operation: Operation::Shuffle,
            boxes,
        })
    }
}

impl ExactChain {
    /// The chain of a composition seeded with `compose_seed`, for patches of `patch` voxels.
    ///
    /// # Errors
    /// When `spec` does not fit `patch`.
    pub fn new(
        compose_seed: u32,
        patch: [usize; 3],
        spec: CorruptionSpec,
    ) -> Result<Self, AugmentError> {
        spec.validate(patch)?;
        let mut compose = Mt19937::new(compose_seed);
        let seeds = [(); 5].map(|()| compose.next_u32());
        let views = [View::new(seeds[1], seeds[2]), View::new(seeds[3], seeds[4])];
        Ok(Self {
            patch,
            spec,
            seeds,
            crop: Mt19937::new(seeds[0]),
            views,
        })
    }

    /// The seeds of crop, first choice, first shuffle, second choice, second shuffle.
    pub fn child_seeds(&self) -> [u32; 5] {
        self.seeds
    }

    /// The next `samples` samples, all from `v`.
    ///
    /// # Errors
    /// When `v` is smaller than the patch.
    pub fn apply(&mut self, v: &Volume, samples: usize) -> Result<Vec<Views>, AugmentError> {
        Ok(self.apply_traced(v, samples)?.views)
    }

    /// As [`apply`](Self::apply), with what was drawn on the way.
    ///
    /// # Errors
    /// When `v` is smaller than the patch.
    pub fn apply_traced(&mut self, v: &Volume, samples: usize) -> Result<ExactBatch, AugmentError> {
        let mut random = Mt19937::new(self.crop.next_u32());
        let mut crops = Vec::with_capacity(samples);
        let mut views = Vec::with_capacity(samples);
        for _ in 0..samples {
            let region = random_crop_region(&mut random, v.shape(), self.patch)?;
            let mut target = vec![0.0; super::patch::voxels(self.patch)?];
            copy_patch(v, region, &mut target)?;
            crops.push(region);
            views.push(Views {
                view1: target.clone(),
                view2: target.clone(),
                target,
            });
        }
        let mut events = Vec::new();
        let [first, second] = &mut self.views;
        let (patch, spec) = (self.patch, &self.spec);
        events.extend(
            views
                .iter_mut()
                .filter_map(|s| first.drop_out(&mut s.view1, patch, spec)),
        );
        events.extend(
            views
                .iter_mut()
                .filter_map(|s| first.shuffle(&mut s.view1, patch, spec)),
        );
        events.extend(
            views
                .iter_mut()
                .filter_map(|s| second.drop_out(&mut s.view2, patch, spec)),
        );
        events.extend(
            views
                .iter_mut()
                .filter_map(|s| second.shuffle(&mut s.view2, patch, spec)),
        );
        Ok(ExactBatch {
            views,
            crops,
            events,
        })
    }
}
