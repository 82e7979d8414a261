//! Where the two header layouts keep their fields (`nifti1.h`, `nifti2.h`).

use super::version::{SIZE_2, Version};

/// Header bytes with their byte order. Offsets are the constants below, all inside the block.
struct Fields<'a> {
    block: &'a [u8; SIZE_2],
    big: bool,
}

impl Fields<'_> {
    fn take<const N: usize>(&self, at: usize) -> [u8; N] {
        let mut bytes = [0; N];
        bytes.copy_from_slice(&self.block[at..at + N]);
        if self.big {
            bytes.reverse();
        }
        bytes
    }

    fn i16(&self, at: usize) -> i16 {
        i16::from_le_bytes(self.take(at))
    }

    fn i32(&self, at: usize) -> i32 {
        i32::from_le_bytes(self.take(at))
    }

    fn i64(&self, at: usize) -> i64 {
        i64::from_le_bytes(self.take(at))
    }

    fn f32(&self, at: usize) -> f64 {
        f64::from(f32::from_le_bytes(self.take(at)))
    }

    fn f64(&self, at: usize) -> f64 {
        f64::from_le_bytes(self.take(at))
    }
}

/// The fields the two layouts share, before any check. The form codes are qform's, then sform's.
pub(super) struct Raw {
    pub(super) dim: [i64; 8],
    pub(super) datatype: i16,
    pub(super) pixdim: [f64; 5],
    pub(super) offset: f64,
    pub(super) slope: f64,
    pub(super) inter: f64,
    pub(super) codes: [i64; 2],
    pub(super) quaternion: [f64; 3],
    pub(super) qoffset: [f64; 3],
    pub(super) srow: [[f64; 4]; 3],
    pub(super) units: u8,
}

impl Raw {
    /// Reads the fields of `block` in one byte order.
    pub(super) fn new(block: &[u8; SIZE_2], version: Version, big: bool) -> Self {
        let fields = Fields { block, big };
        match version {
            Version::One => Self::version_1(&fields),
            Version::Two => Self::version_2(&fields),
        }
    }

    fn version_1(f: &Fields<'_>) -> Self {
        Self {
            dim: std::array::from_fn(|n| f.i16(40 + 2 * n).into()),
            datatype: f.i16(70),
            pixdim: std::array::from_fn(|n| f.f32(76 + 4 * n)),
            offset: f.f32(108),
            slope: f.f32(112),
            inter: f.f32(116),
            codes: [f.i16(252).into(), f.i16(254).into()],
            quaternion: std::array::from_fn(|n| f.f32(256 + 4 * n)),
            qoffset: std::array::from_fn(|n| f.f32(268 + 4 * n)),
            srow: std::array::from_fn(|r| std::array::from_fn(|c| f.f32(280 + 16 * r + 4 * c))),
            units: f.block[123],
        }
    }

    fn version_2(f: &Fields<'_>) -> Self {
        Self {
            dim: std::array::from_fn(|n| f.i64(16 + 8 * n)),
            datatype: f.i16(12),
            pixdim: std::array::from_fn(|n| f.f64(104 + 8 * n)),
            // Exact up to 2^53, far beyond any file.
            offset: f.i64(168) as f64,
            slope: f.f64(176),
            inter: f.f64(184),
            codes: [f.i32(344).into(), f.i32(348).into()],
            quaternion: std::array::from_fn(|n| f.f64(352 + 8 * n)),
            qoffset: std::array::from_fn(|n| f.f64(376 + 8 * n)),
            srow: std::array::from_fn(|r| std::array::from_fn(|c| f.f64(400 + 32 * r + 8 * c))),
            units: f.take::<4>(500)[0],
        }
    }
}
