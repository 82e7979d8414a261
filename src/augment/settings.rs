//! How the patches of fine-tuning are varied: what the transforms take is the section of the settings.

use serde::{Deserialize, Serialize};

use super::AugmentError;
use super::error::in_range;
use crate::random::RandomSource;

/// How the patches of fine-tuning are varied (specification 4.2).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(
    feature = "cli",
    derive(clap::Args),
    command(next_help_heading = "Augmentation")
)]
#[serde(default, deny_unknown_fields)]
pub struct AugmentSettings {
    /// Probability of a flip, for each axis
    #[cfg_attr(feature = "cli", arg(long, value_name = "P"))]
    pub flip_probability: f64,
    /// Probability of a turn by a multiple of 90 degrees in the plane of the first two axes
    #[cfg_attr(feature = "cli", arg(long, value_name = "P"))]
    pub rotate_probability: f64,
    /// Probability of a shift of all intensities
    #[cfg_attr(feature = "cli", arg(long, value_name = "P"))]
    pub shift_probability: f64,
    /// Largest shift, in the scale from 0 to 1
    #[cfg_attr(feature = "cli", arg(long, value_name = "SHIFT"))]
    pub shift_offset: f64,
    /// Probability of a turn by any angle and a change of size, which the original does not have [default: 0]
    #[cfg_attr(feature = "cli", arg(long, value_name = "P"))]
    #[serde(skip_serializing_if = "is_zero")]
    pub affine_probability: f64,
    /// Largest such turn about each axis, in degrees [default: 15]
    #[cfg_attr(feature = "cli", arg(long, value_name = "DEGREES"))]
    #[serde(skip_serializing_if = "is_default_angle")]
    pub affine_angle: f64,
    /// Largest such change of size, a share: 0.15 for 1 / 1.15 to 1.15 times [default: 0.15]
    #[cfg_attr(feature = "cli", arg(long, value_name = "SHARE"))]
    #[serde(skip_serializing_if = "is_default_scale")]
    pub affine_scale: f64,
}

/// Left out of files where it changes nothing, so that older programs read them; the next two too.
fn is_zero(value: &f64) -> bool {
    *value == 0.0
}

fn is_default_angle(value: &f64) -> bool {
    *value == AugmentSettings::default().affine_angle
}

fn is_default_scale(value: &f64) -> bool {
    *value == AugmentSettings::default().affine_scale
}

impl Default for AugmentSettings {
    /// The original recipe.
    fn default() -> Self {
        Self {
            flip_probability: 0.1,
            rotate_probability: 0.1,
            shift_probability: 0.5,
            shift_offset: 0.1,
            affine_probability: 0.0,
            affine_angle: 15.0,
            affine_scale: 0.15,
        }
    }
}

impl AugmentSettings {
    /// No variation at all.
    pub const NONE: Self = Self {
        flip_probability: 0.0,
        rotate_probability: 0.0,
        shift_probability: 0.0,
        shift_offset: 0.0,
        affine_probability: 0.0,
        affine_angle: 0.0,
        affine_scale: 0.0,
    };

    /// Checks the settings for patches of `patch` voxels.
    ///
    /// # Errors
    /// [`AugmentError::OutOfRange`] for a probability or a scale that is not from 0 to 1, or an angle that is not from
    /// 0 to 180 degrees; [`AugmentError::InvalidOffset`]; or [`AugmentError::NotSquare`] where a quarter turn would
    /// change the shape of a patch.
    pub fn validate(&self, patch: [usize; 3]) -> Result<(), AugmentError> {
        for (setting, value, most) in [
            ("flip_probability", self.flip_probability, 1.0),
            ("rotate_probability", self.rotate_probability, 1.0),
            ("shift_probability", self.shift_probability, 1.0),
            ("affine_probability", self.affine_probability, 1.0),
            ("affine_angle", self.affine_angle, 180.0),
            ("affine_scale", self.affine_scale, 1.0),
        ] {
            in_range(setting, value, most)?;
        }
        // Added in f32.
        if !(0.0..f64::from(f32::MAX)).contains(&self.shift_offset) {
            return Err(AugmentError::InvalidOffset {
                offset: self.shift_offset,
            });
        }
        if self.rotate_probability > 0.0 && patch[0] != patch[1] {
            return Err(AugmentError::NotSquare { patch });
        }
        Ok(())
    }

    /// Draws the quarter turns, 1 to 3, and whether they are carried out, in the original's order.
    pub fn draw_turn(&self, random: &mut impl RandomSource) -> (usize, bool) {
        let quarters = 1 + random.integer(0, 3);
        (quarters, random.uniform() < self.rotate_probability)
    }

    /// Draws the number to add to the image.
    pub fn draw_offset(&self, random: &mut impl RandomSource) -> f64 {
        2.0 * self.shift_offset * random.uniform() - self.shift_offset
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_out_of_range_are_refused_by_name() {
        let good = AugmentSettings::default();
        assert_eq!(good.validate([8, 8, 4]), Ok(()));
        let turned = good.validate([8, 4, 8]);
        assert_eq!(turned, Err(AugmentError::NotSquare { patch: [8, 4, 8] }));
        assert_eq!(AugmentSettings::NONE.validate([8, 4, 8]), Ok(()));
        type Change = fn(&mut AugmentSettings);
        let bad: [(Change, &str); 9] = [
            (|s| s.flip_probability = 1.1, "flip_probability is 1.1: "),
            (
                |s| s.rotate_probability = f64::NAN,
                "rotate_probability is NaN: ",
            ),
            (
                |s| s.shift_probability = -0.1,
                "shift_probability is -0.1: ",
            ),
            (|s| s.affine_probability = 1.5, "from 0 to 1"),
            (|s| s.shift_offset = -1.0, "shift_offset is -1: "),
            (|s| s.shift_offset = f64::INFINITY, "shift_offset is inf: "),
            (|s| s.affine_angle = 181.0, "affine_angle is 181: "),
            (|s| s.affine_angle = f64::NAN, "from 0 to 180"),
            (
                |s| s.affine_scale = 2.0,
                "affine_scale is 2: it must be from 0 to 1",
            ),
        ];
        for (change, part) in bad {
            let mut settings = good;
            change(&mut settings);
            let text = settings.validate([8; 3]).unwrap_err().to_string();
            assert!(text.contains(part), "{text}");
        }
    }

    #[test]
    fn what_the_original_lacks_is_written_only_where_it_is_set() {
        let written = |settings: &AugmentSettings| toml::to_string(settings).unwrap();
        let plain = "flip_probability = 0.1\nrotate_probability = 0.1\nshift_probability = 0.5\nshift_offset = 0.1\n";
        assert_eq!(written(&AugmentSettings::default()), plain);
        let turning = AugmentSettings {
            affine_probability: 0.8,
            affine_scale: 0.25,
            ..AugmentSettings::default()
        };
        let text = format!("{plain}affine_probability = 0.8\naffine_scale = 0.25\n");
        assert_eq!(written(&turning), text);
        assert_eq!(toml::from_str::<AugmentSettings>(&text).unwrap(), turning);
    }
}
