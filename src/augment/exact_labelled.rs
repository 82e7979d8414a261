//! The random chain of fine-tuning in the reference implementation, bit for bit (specification 4 and 14).

use super::exact::Paired;
use super::patch::{copy_region, voxels};
use super::rigid::{flip, rotate90, shift_intensity};
use super::{AugmentError, AugmentSettings, Candidates, CropSettings, patch_around};
use crate::random::{Mt19937, RandomSource};
use crate::volume::Region;

/// One sample of the exact chain, and how it came about.
#[derive(Debug, Clone, PartialEq)]
pub struct ExactLabelled {
    /// The image, in C order.
    pub image: Vec<f32>,
    /// The labels, in C order.
    pub label: Vec<u8>,
    /// Where it was cut.
    pub region: Region,
    /// The axes that were reversed.
    pub flips: [bool; 3],
    /// The quarter turns drawn, and whether they were carried out.
    pub turn: (usize, bool),
    /// What was added to the image.
    pub shift: Option<f64>,
}

/// The random transforms of fine-tuning with the generators of the reference implementation. They
/// advance from volume to volume, so the order of the volumes matters.
#[derive(Debug, Clone)]
pub struct ExactLabelledChain {
    crop: CropSettings,
    augment: AugmentSettings,
    seeds: [u32; 6],
    centres: Mt19937,
    flips: [Mt19937; 3],
    turn: Mt19937,
    shift: Paired,
}

impl ExactLabelledChain {
    /// The chain of a composition seeded with `compose_seed`.
    ///
    /// # Errors
    /// When a setting is out of range, or turns and scales by any amount, which the original does not.
    pub fn new(
        compose_seed: u32,
        crop: CropSettings,
        augment: AugmentSettings,
    ) -> Result<Self, AugmentError> {
        crop.validate()?;
        augment.validate(crop.patch)?;
        if augment.affine_probability > 0.0 {
            return Err(AugmentError::AffineInExactChain);
        }
        let mut compose = Mt19937::new(compose_seed);
        let seeds = [(); 6].map(|()| compose.next_u32());
        let [centres, first, second, third, turn, shift] = seeds;
        Ok(Self {
            crop,
            augment,
            seeds,
            centres: Mt19937::new(centres),
            flips: [first, second, third].map(Mt19937::new),
            turn: Mt19937::new(turn),
            shift: Paired::new(shift),
        })
    }

    /// The seeds of crop, the three flips, rotation and intensity shift.
    pub fn child_seeds(&self) -> [u32; 6] {
        self.seeds
    }

    /// The next `samples` samples, all of the case that `candidates` are of.
    ///
    /// # Errors
    /// When the case is smaller than the patch.
    pub fn apply(
        &mut self,
        candidates: &Candidates<'_>,
        samples: usize,
    ) -> Result<Vec<ExactLabelled>, AugmentError> {
        let patch = self.crop.patch;
        let mut made = (0..samples)
            .map(|_| self.cut(candidates))
            .collect::<Result<Vec<_>, _>>()?;
        // Transform by transform, within each sample by sample.
        for (axis, random) in self.flips.iter_mut().enumerate() {
            for sample in &mut made {
                sample.flips[axis] = random.uniform() < self.augment.flip_probability;
            }
        }
        for sample in &mut made {
            sample.turn = self.augment.draw_turn(&mut self.turn);
            let random = self.shift.applies(self.augment.shift_probability);
            sample.shift = random.map(|random| self.augment.draw_offset(random));
        }
        for sample in &mut made {
            flip(&mut sample.image, patch, sample.flips);
            flip(&mut sample.label, patch, sample.flips);
            if let (quarters, true) = sample.turn {
                rotate90(&mut sample.image, patch, quarters);
                rotate90(&mut sample.label, patch, quarters);
            }
            if let Some(offset) = sample.shift {
                shift_intensity(&mut sample.image, offset);
            }
        }
        Ok(made)
    }

    fn cut(&mut self, candidates: &Candidates<'_>) -> Result<ExactLabelled, AugmentError> {
        let (volume, labels) = candidates.case();
        let (shape, patch) = (volume.shape(), self.crop.patch);
        let region = patch_around(candidates.draw(&mut self.centres, &self.crop), shape, patch)?;
        let count = voxels(patch)?;
        let (mut image, mut label) = (vec![0.0; count], vec![0; count]);
        copy_region(volume.data(), shape, region, &mut image)?;
        copy_region(labels, shape, region, &mut label)?;
        Ok(ExactLabelled {
            image,
            label,
            region,
            flips: [false; 3],
            turn: (0, false),
            shift: None,
        })
    }
}
