//! What a phantom case looks like: grid, scanner and variation, with the limits each value must
//! keep.

use serde::{Deserialize, Serialize};

use super::error::PhantomError;

/// Time of the scan after the contrast injection. It decides the brightness of vessels and organs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// No contrast medium.
    Plain,
    /// Late arterial, about 35 s: bright aorta and kidney cortex.
    Arterial,
    /// Portal venous, about 70 s: bright liver and portal vein. The usual abdominal scan.
    Portal,
    /// Delayed, about 5 min: vessels fade, the kidneys excrete.
    Delayed,
}

/// Order and direction in which the voxel axes are stored. The affine says the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Orientation {
    /// Axes run to the patient's right, front and head. No flip is needed to reach RAS.
    #[default]
    Ras,
    /// First axis runs to the left: what most DICOM converters write as NIfTI.
    Las,
    /// First axis runs to the left, second to the back: DICOM's own order.
    Lps,
}

/// Settings of the generator. `Default` is near a clinical scan, [`PhantomSpec::quickstart`] is
/// small.
///
/// The same seed gives the same patient and contrast phase on every grid, unless the field of view
/// forces a smaller body; noise differs, because it is drawn for every voxel.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PhantomSpec {
    /// Number of voxels along the left-right, back-front and foot-head axes.
    pub shape: [usize; 3],
    /// Voxel size in mm along the same axes.
    pub spacing: [f64; 3],
    /// Relative change of the grid from case to case, 0 to 0.25. The in-plane voxel size follows
    /// the patient's width, the slice thickness is random, and the slice count follows it. 0 keeps
    /// `shape` and `spacing` as given.
    pub grid_variation: f64,
    /// Relative strength of the anatomical differences between cases: 1 is a normal population; at
    /// 0 every seed has the same build, and organs of the same place and size but for the stomach,
    /// which is filled more or less. Bowel, contents, small vessels, unevenness of surfaces,
    /// contrast and texture are each seed's own then too.
    pub variation: f32,
    /// Standard deviation of the scanner noise in the middle of the body, HU.
    pub noise_hu: f32,
    /// Full width at half maximum of the in-plane point spread, mm.
    pub blur_mm: f32,
    /// Standard deviation of streaks along the directions of long X-ray paths, HU. 0 leaves them
    /// out.
    pub streak_hu: f32,
    /// A fixed contrast phase, or none for a random one (60 % portal venous).
    pub phase: Option<Phase>,
    /// Storage order of the voxels.
    pub orientation: Orientation,
    /// Sets voxels outside the circle of reconstruction to -1024 HU.
    pub circular_mask: bool,
    /// Draws the couch below the patient.
    pub table: bool,
}

impl Default for PhantomSpec {
    fn default() -> Self {
        Self {
            shape: [192, 160, 96],
            spacing: [2.0, 2.0, 2.8],
            grid_variation: 0.12,
            variation: 1.0,
            noise_hu: 13.0,
            blur_mm: 2.0,
            streak_hu: 4.0,
            phase: None,
            orientation: Orientation::Ras,
            circular_mask: false,
            table: true,
        }
    }
}

/// Smallest extent in mm that holds the 13 organs of a small adult.
pub(super) const MIN_EXTENT: [f64; 3] = [300.0, 220.0, 230.0];
/// Most voxels in one case; making it takes about 20 bytes a voxel.
const MAX_VOXELS: usize = 1 << 27;

impl PhantomSpec {
    /// A coarse grid of 4 mm for tests, the first training run and the page.
    pub fn quickstart() -> Self {
        Self {
            shape: [88, 72, 64],
            spacing: [4.0; 3],
            grid_variation: 0.08,
            noise_hu: 9.0,
            blur_mm: 3.0,
            streak_hu: 2.0,
            ..Self::default()
        }
    }

    /// How many slices fill the height of the grid, each `factor` times as thick as given.
    pub(super) fn slices(&self, factor: f64) -> usize {
        let height = self.shape[2] as f64 * self.spacing[2];
        (height / (self.spacing[2] * factor)).ceil() as usize
    }

    /// The voxels of the largest grid that may be drawn; `usize::MAX` where that is too large to
    /// count.
    fn most_voxels(&self) -> usize {
        let [n0, n1, given] = self.shape;
        let slices = match self.grid_variation > 0.0 {
            true => self.slices(f64::from(1.0 - self.grid_variation as f32)),
            false => given,
        };
        let product = [n1, slices]
            .into_iter()
            .try_fold(n0, |product, n| product.checked_mul(n));
        product.unwrap_or(usize::MAX)
    }

    /// Checks every limit.
    ///
    /// # Errors
    /// [`PhantomError::Setting`] names the first field that is out of range, and the range.
    pub fn validate(&self) -> Result<(), PhantomError> {
        let refuse = |field: &'static str, value: String, allowed: &'static str| {
            Err(PhantomError::Setting {
                field,
                value,
                allowed,
            })
        };
        if self.spacing.iter().any(|s| !(0.4..=6.0).contains(s)) {
            return refuse(
                "spacing",
                format!("{:?}", self.spacing),
                "0.4 to 6 mm on every axis",
            );
        }
        if !(0.0..=0.25).contains(&self.grid_variation) {
            return refuse(
                "grid_variation",
                self.grid_variation.to_string(),
                "0 to 0.25",
            );
        }
        if self.most_voxels() > MAX_VOXELS {
            return refuse(
                "shape",
                format!("{:?}", self.shape),
                "at most 2^27 voxels in all, also with the thinnest slices of grid_variation",
            );
        }
        let extent = [0, 1, 2].map(|a| self.shape[a] as f64 * self.spacing[a]);
        if (0..3).any(|a| extent[a] < MIN_EXTENT[a]) {
            return refuse(
                "shape x spacing",
                format!("{extent:.0?} mm"),
                "at least 300 x 220 x 230 mm, or organs would be cut off",
            );
        }
        if (0..3).any(|a| extent[a] > 700.0) {
            return refuse(
                "shape x spacing",
                format!("{extent:.0?} mm"),
                "at most 700 mm on every axis, the bore of a scanner",
            );
        }
        for (field, value, high, allowed) in [
            ("variation", self.variation, 1.5, "0 to 1.5"),
            ("noise_hu", self.noise_hu, 100.0, "0 to 100 HU"),
            ("blur_mm", self.blur_mm, 10.0, "0 to 10 mm"),
            ("streak_hu", self.streak_hu, 50.0, "0 to 50 HU"),
        ] {
            if !(0.0..=high).contains(&value) {
                return refuse(field, value.to_string(), allowed);
            }
        }
        Ok(())
    }
}
