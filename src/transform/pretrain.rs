//! The deterministic part of pre-training in one pass (specification 3, steps 3 to 6):
//! spacing, intensity window, foreground crop, padding.

use super::focus::Focus;
use super::grid::check_spacing;
use super::{Intensity, TransformError, pad_to};
use crate::volume::Volume;

/// Spacing, window, foreground crop and padding, with the parameters of a run.
///
/// Equal to [`resample_spacing`](super::resample_spacing), [`scale_intensity`](super::scale_intensity),
/// [`foreground_box`](super::foreground_box), [`crop`](super::crop) and [`pad_to`] one after the
/// other, but only the part around the foreground is ever computed. Volumes keep their storage
/// orientation. What the single transforms say of an intensity window holds for the original's
/// [`Intensity::Range`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PretrainTransform {
    /// Voxel size in millimetres.
    pub spacing: [f64; 3],
    /// How input values become the network's.
    pub intensity: Intensity,
    /// Smallest shape of the result, in voxels.
    pub patch: [usize; 3],
}

impl PretrainTransform {
    /// Checks the parameters, before any volume is read.
    ///
    /// # Errors
    /// [`TransformError::InvalidSpacing`] or [`TransformError::InvalidWindow`].
    pub fn validate(&self) -> Result<(), TransformError> {
        check_spacing(self.spacing)?;
        self.intensity.validate()
    }

    /// Applies the transform to a volume as read from its file.
    ///
    /// # Errors
    /// [`TransformError::NoForeground`] or [`TransformError::Blank`] when there is no foreground,
    /// and the errors of the single transforms.
    pub fn apply(&self, v: &Volume) -> Result<Volume, TransformError> {
        self.validate()?;
        let focus = Focus::on(v, self.spacing, &self.intensity)?;
        pad_to(focus.volume, self.patch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transform::{
        IntensityWindow, Interpolation, crop, foreground_box, resample_spacing, scale_intensity,
    };
    use crate::volume::Affine;

    const WINDOW: IntensityWindow = IntensityWindow {
        min: -57.0,
        max: 164.0,
    };
    const TRANSFORM: PretrainTransform = PretrainTransform {
        spacing: [2.0; 3],
        intensity: Intensity::Range(WINDOW),
        patch: [24, 16, 8],
    };

    /// Air around a textured block.
    fn scan(affine: Affine) -> Result<Volume, TransformError> {
        let shape = [26, 30, 22];
        let data = (0..26 * 30 * 22)
            .map(|n| {
                let (i, j, k) = (n / 660, n / 22 % 30, n % 22);
                let inside = (9..17).contains(&i) && (8..25).contains(&j) && (3..20).contains(&k);
                if inside {
                    (n * 37 % 301) as f32 - 120.0
                } else {
                    -1000.0
                }
            })
            .collect();
        Ok(Volume::new(shape, data, affine)?)
    }

    fn affine(steps: [f64; 3], shear: f64) -> Affine {
        let mut affine = Affine::identity();
        (0..3).for_each(|a| affine[(a, a)] = steps[a]);
        affine[(1, 2)] = shear;
        affine
    }

    #[test]
    fn one_pass_equals_the_transforms_one_after_the_other() -> Result<(), TransformError> {
        let affines = [
            affine([0.9, 1.4, 5.0], 0.0),
            affine([-3.1, 3.1, 2.5], 0.0),
            affine([2.0, -2.0, 2.0], 0.0),
            affine([0.9, 1.4, 3.0], 0.2),
        ];
        for affine in affines {
            let v = scan(affine)?;
            let mut chain = resample_spacing(&v, TRANSFORM.spacing, Interpolation::Linear)?;
            scale_intensity(&mut chain, WINDOW);
            let region = foreground_box(&chain).ok_or(TransformError::NoForeground { min: 0.0 })?;
            let chain = pad_to(crop(&chain, region)?, TRANSFORM.patch)?;
            let once = TRANSFORM.apply(&v)?;
            assert_eq!(once.shape(), chain.shape());
            assert_eq!(once.data(), chain.data());
            assert!((once.affine() - chain.affine()).amax() < 1e-9);
        }
        Ok(())
    }

    #[test]
    fn a_volume_of_air_is_an_error() -> Result<(), TransformError> {
        for level in [-1000.0, -57.0, f32::NAN] {
            let v = Volume::new([9, 9, 9], vec![level; 729], affine([1.0; 3], 0.0))?;
            let result = TRANSFORM.apply(&v);
            assert!(
                matches!(result, Err(TransformError::NoForeground { .. })),
                "{level}"
            );
        }
        Ok(())
    }
}
