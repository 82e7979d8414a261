//! From the header's two forms to one affine, and back.

use nalgebra::{Matrix3, Matrix4, Rotation3, UnitQuaternion};

use super::{Affine, Header, Version, VolumeError};

/// Relative and absolute tolerance of numpy's `allclose`, which MONAI's repair rests on.
const RTOL: f64 = 1e-5;
const ATOL: f64 = 1e-8;

/// Column norms of an affine, mm.
pub(super) fn spacing(affine: &Affine) -> [f64; 3] {
    std::array::from_fn(|axis| affine.fixed_view::<3, 1>(0, axis).norm())
}

impl Header {
    /// The affine as nibabel chooses it and MONAI repairs it (specification 2.1, items 2 and 3), but for an sform
    /// beside a qform: one that cannot be used gives way to it, any other that agrees with the voxel sizes never does.
    ///
    /// # Errors
    /// If the chosen form is not finite or squeezes the volume flat.
    pub(super) fn affine(&self, name: &str) -> Result<Affine, VolumeError> {
        let refuse = |problem| VolumeError::Geometry {
            name: name.into(),
            problem,
        };
        let qform = self.qform();
        let chosen = if self.sform_code != 0 {
            match qform {
                Some(qform) if self.replaces_sform(&qform) => self.stored(&qform),
                _ => self.sform(),
            }
        } else if self.qform_code != 0 {
            qform.ok_or_else(|| refuse("the qform's quaternion is longer than 1"))?
        } else {
            self.centred()
        };
        check(&chosen).map_err(refuse)?;
        Ok(chosen)
    }

    /// Why [`Self::affine`] is a guess, where the header has no form that gives it.
    pub(super) fn guess(&self) -> Option<&'static str> {
        let qform = self.qform();
        let replaced = qform.is_some_and(|qform| self.replaces_sform(&qform));
        match (self.sform_code, self.qform_code) {
            (1.., _) if !replaced => None,
            (0, 0) => Some("its header has neither an sform nor a qform"),
            (_, 0) => Some(
                "the sform in its header is broken or contradicts the voxel sizes, and there is no qform",
            ),
            _ => self
                .spacing_guessed
                .then_some("a voxel size in its header is 0"),
        }
    }

    fn sform(&self) -> Affine {
        let rows = &self.srow;
        Matrix4::from_fn(|r, c| {
            if r < 3 {
                rows[r][c]
            } else {
                f64::from(u8::from(c == 3))
            }
        })
    }

    /// The qform, whatever its code; `None` if the quaternion cannot be completed to length 1.
    fn qform(&self) -> Option<Affine> {
        let [b, c, d] = self.quaternion;
        let rest = 1.0 - (b * b + c * c + d * d);
        let noise = 3.0 * self.epsilon();
        let a = match rest {
            _ if rest.abs() < noise => 0.0,
            _ if rest < 0.0 => return None,
            _ => rest.sqrt(),
        };
        let s = 2.0 / (a * a + b * b + c * c + d * d);
        #[rustfmt::skip]
        let rotation = Matrix3::new(
            1.0 - s * (c * c + d * d), s * (b * c - a * d), s * (b * d + a * c),
            s * (b * c + a * d), 1.0 - s * (b * b + d * d), s * (c * d - a * b),
            s * (b * d - a * c), s * (c * d + a * b), 1.0 - s * (b * b + c * c),
        );
        let [handedness, x, y, z, _] = self.pixdim;
        let scale = [x, y, z * handedness];
        let mut affine = Affine::identity();
        affine.fixed_view_mut::<3, 3>(0, 0).copy_from(&rotation);
        for (axis, scale) in scale.into_iter().enumerate() {
            affine.column_mut(axis).scale_mut(scale);
            affine[(axis, 3)] = self.qoffset[axis];
        }
        Some(affine)
    }

    /// Without a form: the array's centre at the origin, the first axis pointing left.
    fn centred(&self) -> Affine {
        let mut affine = Affine::identity();
        for axis in 0..3 {
            let scale = if axis == 0 {
                -self.pixdim[1]
            } else {
                self.pixdim[axis + 1]
            };
            affine[(axis, axis)] = scale;
            affine[(axis, 3)] = -0.5 * (self.shape[axis] - 1) as f64 * scale;
        }
        affine
    }

    /// Whether the qform stands in for the sform: by MONAI's repair, and for an sform that places nothing. Zeros seem to
    /// agree with voxels of 1 mm, so that the repair leaves them.
    fn replaces_sform(&self, qform: &Affine) -> bool {
        self.prefers(qform) || (self.qform_code != 0 && check(&self.sform()).is_err())
    }

    /// MONAI's repair: the qform wins over an sform that contradicts `pixdim` where the qform does not.
    ///
    /// With four axes MONAI takes the translation, bottom 1 included, for the fourth column of both forms. Here that holds
    /// back a qform, as there, but does not speak against an sform: no translation tells how large the voxels are.
    ///
    /// Its mirror case, an sform without code that replaces a qform, cannot arise: the qform's column norms
    /// are `pixdim`.
    fn prefers(&self, qform: &Affine) -> bool {
        // MONAI leaves images of five and more axes alone.
        self.axes < 5 && !self.agrees(&self.sform(), 3) && self.agrees(qform, self.axes.min(4))
    }

    /// Whether the norms of the first columns are `pixdim`.
    fn agrees(&self, affine: &Affine, columns: usize) -> bool {
        (0..columns).all(|axis| {
            let norm = affine.column(axis).norm();
            let norm = if norm == 0.0 { 1.0 } else { norm };
            let pixdim = self.pixdim[axis + 1];
            (norm - pixdim).abs() <= ATOL + RTOL * pixdim.abs()
        })
    }

    /// The repair passes through the header's sform fields and takes their precision.
    fn stored(&self, affine: &Affine) -> Affine {
        match self.version {
            Version::One => affine.map(|value| f64::from(value as f32)),
            Version::Two => *affine,
        }
    }

    fn epsilon(&self) -> f64 {
        match self.version {
            Version::One => f32::EPSILON.into(),
            Version::Two => f64::EPSILON,
        }
    }
}

/// Volume between eight neighbouring voxels, mm³.
pub(super) fn voxel(affine: &Affine) -> f64 {
    let linear: Matrix3<f64> = affine.fixed_view::<3, 3>(0, 0).into_owned();
    linear.determinant().abs()
}

/// Largest cosine between two axes at right angles. What headers round is far below; a gantry tilted by a tenth of a
/// degree is above.
const ASKEW: f64 = 1e-3;

/// Whether the axes are at right angles to each other.
pub(super) fn at_right_angles(affine: &Affine) -> bool {
    [(0, 1), (0, 2), (1, 2)].into_iter().all(|(one, other)| {
        let (one, other) = (
            affine.fixed_view::<3, 1>(0, one),
            affine.fixed_view::<3, 1>(0, other),
        );
        one.dot(&other).abs() <= ASKEW * one.norm() * other.norm()
    })
}

/// Refuses affines that no resampling could invert.
pub(super) fn check(affine: &Affine) -> Result<(), &'static str> {
    if !affine.iter().all(|value| value.is_finite()) {
        return Err("the affine is not finite");
    }
    let volume: f64 = spacing(affine).iter().product();
    if voxel(affine) > 1e-9 * volume {
        Ok(())
    } else {
        Err("the affine squeezes the volume flat")
    }
}

/// What a qform can express of an affine: spacing, handedness and rotation.
pub(super) struct Qform {
    /// `pixdim[0..4]`.
    pub(super) pixdim: [f64; 4],
    /// `quatern_b`, `quatern_c`, `quatern_d`.
    pub(super) quaternion: [f64; 3],
    /// Whether that is all of it; shear is lost otherwise.
    pub(super) complete: bool,
}

impl Qform {
    /// Decomposes a finite affine of full rank: the rotation is the nearest one to its directions.
    pub(super) fn of(affine: &Affine) -> Self {
        let [x, y, z] = spacing(affine);
        let mut directions: Matrix3<f64> = affine.fixed_view::<3, 3>(0, 0).into_owned();
        for (axis, scale) in [x, y, z].into_iter().enumerate() {
            directions.column_mut(axis).unscale_mut(scale);
        }
        let handedness = directions.determinant().signum();
        directions.column_mut(2).scale_mut(handedness);
        let svd = directions.svd(true, true);
        let nearest = match (svd.u, svd.v_t) {
            (Some(u), Some(v_t)) => u * v_t,
            _ => directions,
        };
        let rotation = Rotation3::from_matrix_unchecked(nearest);
        let q = UnitQuaternion::from_rotation_matrix(&rotation);
        // Readers complete the quaternion with a real part that is not negative.
        let sign = if q.w < 0.0 { -1.0 } else { 1.0 };
        Self {
            pixdim: [handedness, x, y, z],
            quaternion: [q.i * sign, q.j * sign, q.k * sign],
            complete: (nearest - directions).abs().max() < RTOL,
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::volume::{Affine, Datatype, Volume, VolumeError, encode_nifti, read_nifti};

    #[test]
    fn a_qform_stands_in_for_an_sform_of_zeros() {
        let mut affine = Affine::identity();
        affine[(0, 3)] = 7.0;
        let volume = Volume::new([2, 1, 1], vec![1.0, 2.0], affine).unwrap();
        let mut bytes = encode_nifti(&volume, Datatype::F32, false).unwrap();
        bytes[280..328].fill(0);
        for axes in [3, 5] {
            bytes[40] = axes;
            let found = read_nifti(&bytes, "a.nii").unwrap();
            let error = (found.volume.affine() - affine).abs().max();
            assert!(error < 1e-6, "{axes} axes: {error}");
            assert!(found.doubts().is_empty(), "{axes} axes");
        }
        // A qform without a code is none.
        bytes[252] = 0;
        let error = read_nifti(&bytes, "a.nii").unwrap_err();
        assert!(matches!(error, VolumeError::Geometry { .. }), "{error}");
    }

    #[test]
    fn an_sform_that_agrees_with_the_voxel_sizes_places_a_scan_of_three_or_four_axes() {
        let mut affine = Affine::identity();
        (affine[(0, 0)], affine[(0, 3)]) = (2.0, 7.0);
        let volume = Volume::new([2, 1, 1], vec![1.0, 2.0], affine).unwrap();
        let mut bytes = encode_nifti(&volume, Datatype::F32, false).unwrap();
        // The qform places the first voxel at 0: its fourth column has the length that `pixdim` gives the fourth axis.
        bytes[268..280].fill(0);
        for axes in [3, 4] {
            bytes[40] = axes;
            for code in [0, 1] {
                bytes[252] = code;
                let found = read_nifti(&bytes, "a.nii").unwrap();
                assert_eq!(*found.volume.affine(), affine, "{axes} axes, code {code}");
                assert!(found.doubts().is_empty(), "{axes} axes, code {code}");
            }
        }
    }
}
