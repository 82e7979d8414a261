//! The NIfTI-1 and NIfTI-2 headers, parsed.

mod checks;

use super::error::times;
use super::layout::Raw;
use super::version::{SIZE_2, Version};
use super::{Datatype, VolumeError, mark, signature};
use checks::{check_unit, form_code, repaired, scaling, three_dimensional, voxel_offset};

/// `NIFTI_UNITS_MM`.
pub(super) const MILLIMETRES: u8 = 2;
/// The bits of the units that are those of lengths.
const LENGTHS: u8 = 7;

/// Stored value to real value: `slope * stored + inter`, in double precision.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scaling {
    /// Factor, finite and not 0.
    pub slope: f64,
    /// Offset, finite.
    pub inter: f64,
}

/// What a NIfTI header says about a 3D volume of real numbers, checked.
///
/// Free text (description, file names, extensions) is not kept: it is where names of people hide.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Header {
    /// Header layout.
    pub version: Version,
    /// Whether numbers are stored most significant byte first.
    pub big_endian: bool,
    /// Whether the voxels follow in the same file, or lie in the `.img` of a pair.
    pub single_file: bool,
    /// Number of axes the header counts (`dim[0]`); those after the third have size 1.
    pub axes: usize,
    /// Voxels along each axis.
    pub shape: [usize; 3],
    /// How a voxel is stored.
    pub datatype: Datatype,
    /// Where the voxels begin, bytes.
    pub offset: u64,
    /// How stored values become real ones; `None` leaves them alone.
    pub scaling: Option<Scaling>,
    /// `pixdim[0..5]`: handedness of the qform (1 or -1), then the spacing of four axes.
    pub pixdim: [f64; 5],
    /// Whether a spacing of 0 in the file became 1.
    pub spacing_guessed: bool,
    /// What the qform refers to, 0 for no qform, at most 5.
    pub qform_code: i16,
    /// What the sform refers to, 0 for no sform, at most 5.
    pub sform_code: i16,
    /// `quatern_b`, `quatern_c`, `quatern_d` of the qform.
    pub quaternion: [f64; 3],
    /// `qoffset_x`, `qoffset_y`, `qoffset_z` of the qform.
    pub qoffset: [f64; 3],
    /// The rows of the sform.
    pub srow: [[f64; 4]; 3],
    /// Units of space and time as stored. Like nibabel, nothing here converts by them; metres and micrometres
    /// are refused.
    pub xyzt_units: u8,
    /// The mark of the voxels that this program wrote under this header, where it wrote a label map.
    pub mark: Option<[u8; 16]>,
    /// How many bytes of the file follow the voxels, where they are more than padding.
    pub trailing: Option<u64>,
}

impl Header {
    /// Parses and checks the first `length` bytes of a file, at most [`SIZE_2`], rest 0.
    ///
    /// Repairs, as nibabel makes them on loading: a spacing of 0 becomes 1, a negative one positive, a
    /// handedness other than 1 and -1 becomes 1, a form code outside 0..=5 becomes 0.
    ///
    /// # Errors
    /// Anything but a 3D volume of real numbers in millimetres whose size this machine can address.
    pub(super) fn parse(
        name: &str,
        block: &[u8; SIZE_2],
        length: usize,
    ) -> Result<Self, VolumeError> {
        let version = signature::version(name, &block[..length.min(SIZE_2)])?;
        // The number of axes tells the byte order, as in every reader: 1 to 7 in the right one.
        let (big_endian, raw) = [false, true]
            .into_iter()
            .map(|big| (big, Raw::new(block, version, big)))
            .find(|(_, raw)| (1..=7).contains(&raw.dim[0]))
            .ok_or_else(|| VolumeError::Header {
                name: name.into(),
                problem: "dim[0] is not 1 to 7 in either byte order".into(),
            })?;

        let datatype = Datatype::from_code(name, raw.datatype)?;
        let axes = raw.dim[0] as usize;
        let shape = three_dimensional(name, &raw.dim[1..=axes])?;
        check_unit(name, raw.units)?;
        let single_file = match version {
            Version::One => block[344..].starts_with(b"n+"),
            Version::Two => block[4..].starts_with(b"n+"),
        };
        let header = Self {
            version,
            big_endian,
            single_file,
            axes,
            shape,
            datatype,
            offset: voxel_offset(name, raw.offset, version, single_file)?,
            scaling: scaling(name, raw.slope, raw.inter)?,
            pixdim: repaired(raw.pixdim),
            spacing_guessed: raw.pixdim[1..4].contains(&0.0),
            qform_code: form_code(raw.codes[0]),
            sform_code: form_code(raw.codes[1]),
            quaternion: raw.quaternion,
            qoffset: raw.qoffset,
            srow: raw.srow,
            xyzt_units: raw.units,
            mark: match version {
                Version::One => mark::found(block),
                Version::Two => None,
            },
            trailing: None,
        };
        header.sizes().ok_or_else(|| VolumeError::TooLarge {
            name: name.into(),
            shape: times(&header.shape),
        })?;
        Ok(header)
    }

    /// Whether the header says that lengths are millimetres, rather than nothing.
    pub(super) fn names_millimetres(&self) -> bool {
        self.xyzt_units & LENGTHS == MILLIMETRES
    }

    /// Number of voxels and of their bytes on disk, if they and the volume in memory can be addressed.
    pub(super) fn sizes(&self) -> Option<(usize, usize)> {
        let [n0, n1, n2] = self.shape;
        let voxels = n0.checked_mul(n1)?.checked_mul(n2)?;
        let widest = self.datatype.bytes().max(size_of::<f32>());
        (voxels.checked_mul(widest)? <= isize::MAX as usize)
            .then_some((voxels, voxels * self.datatype.bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A valid single-file int16 header of 2x3x4 voxels.
    fn block() -> [u8; SIZE_2] {
        let mut block = [0; SIZE_2];
        block[..4].copy_from_slice(&348_i32.to_le_bytes());
        for (n, size) in [3_i16, 2, 3, 4].into_iter().enumerate() {
            block[40 + 2 * n..42 + 2 * n].copy_from_slice(&size.to_le_bytes());
        }
        block[70..72].copy_from_slice(&4_i16.to_le_bytes());
        block[344..348].copy_from_slice(b"n+1\0");
        block
    }

    fn with_i16(fields: &[(usize, i16)]) -> Result<Header, VolumeError> {
        let mut block = block();
        for (at, value) in fields {
            block[*at..at + 2].copy_from_slice(&value.to_le_bytes());
        }
        Header::parse("a.nii", &block, SIZE_2)
    }

    fn with_f32(fields: &[(usize, f32)]) -> Result<Header, VolumeError> {
        let mut block = block();
        for (at, value) in fields {
            block[*at..at + 4].copy_from_slice(&value.to_le_bytes());
        }
        Header::parse("a.nii", &block, SIZE_2)
    }

    #[test]
    fn trailing_axes_of_one_or_none_are_dropped() {
        let header = with_i16(&[(40, 5), (48, 1), (50, 1)]).unwrap();
        assert_eq!((header.axes, header.shape), (5, [2, 3, 4]));
        let header = with_i16(&[(40, 4), (48, 0)]).unwrap();
        assert_eq!((header.axes, header.shape), (4, [2, 3, 4]));
    }

    #[test]
    fn other_dimensions_are_named() {
        let message = |fields: &[_]| with_i16(fields).unwrap_err().to_string();
        assert_eq!(
            message(&[(40, 4), (48, 25)]),
            "a.nii: 4D image of 2x3x4x25; Hounsfield reads 3D volumes: extract one of its 25 frames first"
        );
        assert_eq!(
            message(&[(40, 2)]),
            "a.nii: 2D image of 2x3; Hounsfield reads 3D volumes: stack the slices into one volume first"
        );
        assert!(message(&[(44, -3)]).contains("dim[2] is -3"));
        assert!(message(&[(46, 0)]).contains("dim[3] is 0"));
        assert!(message(&[(40, 4), (48, -1)]).contains("dim[4] is -1"));
        assert!(message(&[(40, 0)]).contains("dim[0] is not 1 to 7"));
    }

    #[test]
    fn voxels_cannot_begin_inside_the_header() {
        assert_eq!(with_f32(&[(108, 0.0)]).unwrap().offset, 352);
        assert_eq!(with_f32(&[(108, 416.0)]).unwrap().offset, 416);
        for bad in [16.0, -352.0, f32::NAN, f32::INFINITY] {
            assert!(with_f32(&[(108, bad)]).is_err());
        }
    }

    #[test]
    fn sizes_beyond_the_address_space_are_refused() {
        let mut block = [0; SIZE_2];
        block[..4].copy_from_slice(&540_i32.to_le_bytes());
        block[4..12].copy_from_slice(b"n+2\0\r\n\x1a\n");
        block[12..14].copy_from_slice(&64_i16.to_le_bytes());
        for (n, size) in [3_i64, i64::MAX, 4, 4].into_iter().enumerate() {
            block[16 + 8 * n..24 + 8 * n].copy_from_slice(&size.to_le_bytes());
        }
        let error = Header::parse("a.nii", &block, SIZE_2).unwrap_err();
        assert!(matches!(error, VolumeError::TooLarge { .. }), "{error}");
    }
}
