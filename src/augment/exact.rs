//! The random chain of the reference implementation, bit for bit (specification 3 and 14).

use super::corrupt::{Clean, ViewRandom, corrupt};
use super::patch::{random_crop_region, voxels};
use super::{AugmentError, CorruptionSpec, CorruptionStep, Operation, Views, copy_patch};
use crate::random::{Mt19937, RandomSource};
use crate::volume::{Region, Volume};

/// The samples of one volume, and how they came about.
#[derive(Debug, Clone, PartialEq)]
pub struct ExactBatch {
    /// The samples.
    pub views: Vec<Views>,
    /// The patch of every sample.
    pub crops: Vec<Region>,
    /// The corruption steps in order of execution: transform by transform, within each sample by
    /// sample. Skipped shuffles are absent.
    pub events: Vec<CorruptionStep>,
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
        if self.outer.uniform() < probability {
            Some(self.parameters())
        } else {
            None
        }
    }

    /// The inner generator, ready for the parameters.
    fn parameters(&mut self) -> &mut Mt19937 {
        // The array transform draws for its own probability, which is 1.
        self.inner.uniform();
        &mut self.inner
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
}

impl ViewRandom for View {
    type Source = Mt19937;

    fn choice(&mut self) -> f64 {
        self.choice.uniform()
    }

    fn shuffle_decision(&mut self) -> f64 {
        self.shuffle.outer.uniform()
    }

    /// The outer generators of in- and out-painting draw for a probability of 1, which decides nothing.
    fn source(&mut self, operation: Operation) -> &mut Mt19937 {
        let pair = match operation {
            Operation::Inpaint => &mut self.inpaint,
            Operation::Outpaint => &mut self.outpaint,
            Operation::Shuffle => &mut self.shuffle,
        };
        pair.parameters()
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
            let empty = vec![0.0; voxels(self.patch)?];
            let mut sample = Views {
                target: empty.clone(),
                view1: empty.clone(),
                view2: empty,
            };
            copy_patch(v, region, &mut sample.target)?;
            crops.push(region);
            views.push(sample);
        }
        let events = self.corrupt_all(&mut views);
        Ok(ExactBatch {
            views,
            crops,
            events,
        })
    }

    /// Writes the views of all samples.
    fn corrupt_all(&mut self, samples: &mut [Views]) -> Vec<CorruptionStep> {
        let (mut ones, mut twos) = (Vec::new(), Vec::new());
        for sample in samples {
            let clean = Clean::new(&sample.target, self.patch);
            ones.push((clean, sample.view1.as_mut_slice()));
            twos.push((clean, sample.view2.as_mut_slice()));
        }
        let [first, second] = &mut self.views;
        let mut steps = corrupt(first, &mut ones, &self.spec);
        steps.extend(corrupt(second, &mut twos, &self.spec));
        steps
    }
}
