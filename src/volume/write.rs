//! Writing NIfTI-1.

use std::io::{self, Write};

use flate2::Compression;
use flate2::write::GzEncoder;

use super::affine::{Qform, check};
use super::error::times;
use super::header::MILLIMETRES;
use super::version::SIZE_1;
use super::{Datatype, Header, Volume, VolumeError, mark, voxels};

/// Where the voxels begin: after the header and four bytes that say there are no extensions.
const OFFSET: usize = SIZE_1 + 4;
/// `NIFTI_XFORM_ALIGNED_ANAT`: the world is some scanner's, and nobody said which.
const ALIGNED: i16 = 2;

/// The geometry fields of a header.
struct Geometry {
    /// How many axes the file has; those after the third have one voxel.
    axes: usize,
    /// `pixdim[0..5]`.
    pixdim: [f64; 5],
    codes: [i16; 2],
    quaternion: [f64; 3],
    qoffset: [f64; 3],
    srow: [[f64; 4]; 3],
    units: u8,
}

impl Geometry {
    /// Both forms from one affine; a sheared one has no qform.
    fn of(volume: &Volume) -> Result<Self, VolumeError> {
        let affine = volume.affine();
        check(affine).map_err(|problem| VolumeError::Unwritable {
            problem: problem.into(),
        })?;
        let qform = Qform::of(affine);
        let [handedness, x, y, z] = qform.pixdim;
        Ok(Self {
            axes: 3,
            pixdim: [handedness, x, y, z, 1.0],
            codes: [if qform.complete { ALIGNED } else { 0 }, ALIGNED],
            quaternion: qform.quaternion,
            qoffset: std::array::from_fn(|r| affine[(r, 3)]),
            srow: std::array::from_fn(|r| std::array::from_fn(|c| affine[(r, c)])),
            units: MILLIMETRES,
        })
    }

    /// The fields as another file had them, so that every reader places both files alike.
    fn like(header: &Header) -> Self {
        Self {
            axes: header.axes,
            pixdim: header.pixdim,
            codes: [header.qform_code, header.sform_code],
            quaternion: header.quaternion,
            qoffset: header.qoffset,
            srow: header.srow,
            units: header.xyzt_units,
        }
    }
}

/// The bytes of a `.nii` file, or of a `.nii.gz` one if `gzip`. Integer types take the nearest value, ties to
/// even; there is no scaling.
///
/// # Errors
/// [`VolumeError::Range`] for a voxel the type cannot hold, [`VolumeError::Unwritable`] for a volume NIfTI-1
/// cannot describe.
pub fn encode_nifti(
    volume: &Volume,
    datatype: Datatype,
    gzip: bool,
) -> Result<Vec<u8>, VolumeError> {
    encode(volume, &Geometry::of(volume)?, datatype, gzip)
}

/// The same with the geometry of `header` instead of the volume's affine: for a result on the grid of an image
/// that was read. Every reader then places both alike, whichever form it prefers.
///
/// # Errors
/// As [`encode_nifti`], and [`VolumeError::Unwritable`] if the shapes differ.
pub fn encode_nifti_like(
    header: &Header,
    volume: &Volume,
    datatype: Datatype,
    gzip: bool,
) -> Result<Vec<u8>, VolumeError> {
    if header.shape != volume.shape() {
        let (have, want) = (times(&volume.shape()), times(&header.shape));
        let problem = format!("it has {have} voxels and the header describes {want}; resample it");
        return Err(VolumeError::Unwritable { problem });
    }
    encode(volume, &Geometry::like(header), datatype, gzip)
}

fn encode(
    volume: &Volume,
    geometry: &Geometry,
    datatype: Datatype,
    gzip: bool,
) -> Result<Vec<u8>, VolumeError> {
    let mut header = header(volume.shape(), geometry, datatype)?;
    let mut file = stored(volume, datatype)?;
    // Hashing takes time, and only of label maps it is asked whether they changed.
    let labels = (datatype == Datatype::U8).then_some(&file[OFFSET..]);
    mark::put(&mut header, labels);
    file[..OFFSET].copy_from_slice(&header);
    let pack = || -> io::Result<Vec<u8>> {
        if gzip {
            let mut out = GzEncoder::new(Vec::new(), Compression::default());
            out.write_all(&file)?;
            return out.finish();
        }
        Ok(file)
    };
    pack().map_err(|error| VolumeError::Unwritable {
        problem: error.to_string(),
    })
}

fn header(
    shape: [usize; 3],
    geometry: &Geometry,
    datatype: Datatype,
) -> Result<[u8; OFFSET], VolumeError> {
    let mut block = [0; OFFSET];
    let mut put = |at: usize, bytes: &[u8]| block[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, &(SIZE_1 as i32).to_le_bytes());
    let axes = i16::try_from(geometry.axes).unwrap_or(3).clamp(3, 7);
    put(40, &axes.to_le_bytes());
    for (axis, size) in sizes(shape)?.into_iter().enumerate() {
        put(42 + 2 * axis, &size.to_le_bytes());
    }
    for axis in 4..8 {
        put(40 + 2 * axis, &1_i16.to_le_bytes());
        put(76 + 4 * axis, &1_f32.to_le_bytes());
    }
    put(70, &datatype.code().to_le_bytes());
    put(72, &(8 * datatype.bytes() as i16).to_le_bytes());
    let mut floats = |at: usize, values: &[f64]| {
        for (n, value) in values.iter().enumerate() {
            put(at + 4 * n, &(*value as f32).to_le_bytes());
        }
    };
    floats(76, &geometry.pixdim);
    floats(108, &[OFFSET as f64]);
    floats(112, &[1.0, 0.0]);
    floats(256, &geometry.quaternion);
    floats(268, &geometry.qoffset);
    for (row, values) in geometry.srow.iter().enumerate() {
        floats(280 + 16 * row, values);
    }
    put(123, &[geometry.units]);
    put(252, &geometry.codes[0].to_le_bytes());
    put(254, &geometry.codes[1].to_le_bytes());
    put(344, b"n+1\0");
    Ok(block)
}

/// Whether a NIfTI-1 header has room for a volume of `shape`, for those who would compute it first.
///
/// # Errors
/// [`VolumeError::Unwritable`] where it has none.
pub fn check_shape(shape: [usize; 3]) -> Result<(), VolumeError> {
    sizes(shape).map(|_| ())
}

/// A shape as a header holds it.
fn sizes(shape: [usize; 3]) -> Result<[i16; 3], VolumeError> {
    let mut sizes = [0; 3];
    for (size, voxels) in sizes.iter_mut().zip(shape) {
        let fits = i16::try_from(voxels).ok().filter(|n| *n > 0);
        *size = fits.ok_or_else(|| {
            let shape = times(&shape);
            let problem = format!("{shape} voxels, where an axis may have 1 to 32767; crop it");
            VolumeError::Unwritable { problem }
        })?;
    }
    Ok(sizes)
}

/// An empty vector with room for so many.
fn room<T>(count: usize) -> Result<Vec<T>, VolumeError> {
    let mut room = Vec::new();
    let reserved = room.try_reserve_exact(count);
    reserved.map_err(|_| VolumeError::Unwritable {
        problem: "there is no memory for its voxels".into(),
    })?;
    Ok(room)
}

/// Room for a header, then the voxels as bytes, first axis fastest.
fn stored(volume: &Volume, datatype: Datatype) -> Result<Vec<u8>, VolumeError> {
    let values = volume.data();
    let [n0, n1, n2] = volume.shape();
    let bytes = values.len().saturating_mul(datatype.bytes());
    let mut out = room(bytes.saturating_add(OFFSET))?;
    out.resize(OFFSET, 0);
    /// Turned as values of this type: copies in a wider one would be the most memory that a prediction takes.
    macro_rules! turned {
        ($type:ty, $value:expr) => {{
            let mut turned = room(values.len())?;
            turned.resize(values.len(), <$type>::default());
            let of = $value;
            voxels::turn(
                bytemuck::cast_slice(values),
                [n2, n1, n0],
                &mut turned,
                |bytes| of(f32::from_ne_bytes(bytes)),
            );
            turned
                .iter()
                .for_each(|v| out.extend_from_slice(&v.to_le_bytes()));
        }};
    }
    macro_rules! integers {
        ($type:ty) => {{
            // A cast saturates, and makes 0 of NaN: what it cannot hold does not come back.
            let lost = |value: &f32| {
                let nearest = value.round_ties_even();
                f64::from(nearest) != (nearest as $type) as f64
            };
            if let Some(value) = values.iter().copied().find(lost) {
                return Err(VolumeError::Range { value, datatype });
            }
            turned!($type, |value: f32| value.round_ties_even() as $type)
        }};
    }
    match datatype {
        Datatype::U8 => integers!(u8),
        Datatype::I8 => integers!(i8),
        Datatype::U16 => integers!(u16),
        Datatype::I16 => integers!(i16),
        Datatype::U32 => integers!(u32),
        Datatype::I32 => integers!(i32),
        Datatype::U64 => integers!(u64),
        Datatype::I64 => integers!(i64),
        Datatype::F32 => turned!(f32, |value| value),
        Datatype::F64 => turned!(f64, f64::from),
        Datatype::F128 => {
            let problem = "no program reads 128-bit floats alike; write F64".into();
            return Err(VolumeError::Unwritable { problem });
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::volume::Affine;

    #[test]
    fn a_shape_is_refused_beforehand_just_as_it_would_be_when_written() {
        for (axis, fits) in [(0, false), (1, true), (32_767, true), (32_768, false)] {
            let volume = Volume::new([1, axis, 1], vec![0.0; axis], Affine::identity()).unwrap();
            let written = encode_nifti(&volume, Datatype::U8, false);
            assert_eq!(check_shape(volume.shape()).is_ok(), fits, "{axis}");
            assert_eq!(written.is_ok(), fits, "{axis}");
        }
    }

    #[test]
    fn a_file_on_the_grid_of_an_image_has_its_unit() {
        let volume = Volume::new([2, 2, 2], vec![0.0; 8], Affine::identity()).unwrap();
        let mut bytes = encode_nifti(&volume, Datatype::I16, false).unwrap();
        for units in [0, MILLIMETRES, MILLIMETRES | 8] {
            bytes[123] = units;
            let image = crate::volume::read_nifti(&bytes, "image").unwrap();
            let map = encode_nifti_like(&image.header, &volume, Datatype::U8, false).unwrap();
            assert_eq!(map[123], units);
        }
    }
}
