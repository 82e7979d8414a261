//! What can be wrong with an image file, said in one line: which file, what is wrong, what to do.

use std::io;

/// Why a volume could not be read, made or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VolumeError {
    /// The number of values is not the number of voxels.
    #[error(
        "a volume of {} voxels needs {} values and got {values}",
        times(shape),
        product(shape)
    )]
    Shape {
        /// Voxels along each axis.
        shape: [usize; 3],
        /// Values given.
        values: usize,
    },
    /// There is no such file.
    #[error("{name}: no such file; check the path and the folder that it starts from")]
    Missing {
        /// The file.
        name: String,
    },
    /// A folder, a socket or anything else that is not a file.
    #[error("{name}: not a file; give the path of an image file")]
    NotAFile {
        /// The path.
        name: String,
    },
    /// One half of a `.hdr`/`.img` pair is not there.
    #[error(
        "{name}: half of a .hdr/.img pair, the {part} is missing; keep both files together or convert the pair to .nii.gz"
    )]
    MissingPart {
        /// The part that is there.
        name: String,
        /// The part that is not.
        part: &'static str,
    },
    /// The system refused to read.
    #[error("{name}: cannot be read ({source}); check the disk and the file's permissions")]
    Read {
        /// The file.
        name: String,
        /// What the system said.
        source: io::Error,
    },
    /// The system refused to write.
    #[error(
        "{name}: cannot be written ({source}); check the folder, its permissions and the space left"
    )]
    Write {
        /// The file.
        name: String,
        /// What the system said.
        source: io::Error,
    },
    /// A known format other than NIfTI.
    #[error("{name}: {format}, not NIfTI; {advice}")]
    OtherFormat {
        /// The file.
        name: String,
        /// What it is.
        format: &'static str,
        /// How to get a NIfTI file from it.
        advice: &'static str,
    },
    /// No format this program knows.
    #[error("{name}: not a NIfTI file; convert the image to .nii.gz")]
    NotNifti {
        /// The file.
        name: String,
    },
    /// A header field holds a value that no reader could use.
    #[error("{name}: broken NIfTI header, {problem}; export the image again from its source")]
    Header {
        /// The file.
        name: String,
        /// Which field, and its value.
        problem: String,
    },
    /// A 1D, 2D, 4D or higher image.
    #[error("{name}: {axes}D image of {shape}; Hounsfield reads 3D volumes: {advice}")]
    Dimensions {
        /// The file.
        name: String,
        /// Number of axes without trailing ones.
        axes: usize,
        /// All sizes, as `64x64x24x25`.
        shape: String,
        /// What to do about it.
        advice: String,
    },
    /// Colour voxels.
    #[error(
        "{name}: {kind} colour image; Hounsfield reads one number a voxel: export the original grey values"
    )]
    Colour {
        /// The file.
        name: String,
        /// RGB or RGBA.
        kind: &'static str,
    },
    /// Complex voxels.
    #[error(
        "{name}: complex-valued image; Hounsfield reads real numbers: save the magnitude first"
    )]
    Complex {
        /// The file.
        name: String,
    },
    /// A type code outside the standard, or one without a size.
    #[error("{name}: unknown NIfTI datatype {code}; export the image again as int16 or float32")]
    Datatype {
        /// The file.
        name: String,
        /// The header's code.
        code: i16,
    },
    /// A usable slope with an unusable intercept (nibabel refuses it too).
    #[error(
        "{name}: scl_slope is {slope} but scl_inter is {inter}; set scl_inter to 0 or save the image again"
    )]
    Scaling {
        /// The file.
        name: String,
        /// The header's slope.
        slope: f64,
        /// The header's intercept.
        inter: f64,
    },
    /// The affine cannot place voxels in the world.
    #[error("{name}: unusable geometry, {problem}; set the qform or sform of the image again")]
    Geometry {
        /// The file.
        name: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// Lengths in another unit than the millimetre.
    #[error(
        "{name}: its header gives lengths in {unit}, and Hounsfield reads millimetres; scale pixdim, srow and the offsets to mm, or set the unit to mm if the numbers are mm already"
    )]
    Units {
        /// The file.
        name: String,
        /// The header's unit.
        unit: &'static str,
    },
    /// Fewer bytes than the header describes.
    #[error(
        "{name}: truncated, {found} of {expected} bytes of {what}; copy or download the file again"
    )]
    Truncated {
        /// The file.
        name: String,
        /// Which part is too short.
        what: &'static str,
        /// Bytes that should be there.
        expected: u64,
        /// Bytes that are there, at most.
        found: u64,
    },
    /// A gzip stream that does not decode or fails its checksum.
    #[error("{name}: damaged gzip data ({source}); copy or download the file again")]
    Gzip {
        /// The file.
        name: String,
        /// What the decoder said.
        source: io::Error,
    },
    /// A gzip stream that goes on far past the voxels.
    #[error(
        "{name}: the gzip data goes on far past the {expected} bytes its header describes: check its dimensions, or save the image again"
    )]
    Excess {
        /// The file.
        name: String,
        /// Bytes the header describes.
        expected: u64,
    },
    /// More voxels than this machine can address or has memory for.
    #[error("{name}: {shape} voxels do not fit in memory; crop or resample the image first")]
    TooLarge {
        /// The file.
        name: String,
        /// Voxels along each axis.
        shape: String,
    },
    /// A file name that says neither `.nii` nor `.nii.gz`.
    #[error("{name}: not a NIfTI file name; end it in .nii or .nii.gz")]
    Extension {
        /// The file.
        name: String,
    },
    /// A value the chosen type cannot hold.
    #[error("voxel value {value} does not fit {datatype:?}; write the volume as F32")]
    Range {
        /// The value.
        value: f32,
        /// The type asked for.
        datatype: super::Datatype,
    },
    /// A volume NIfTI-1 cannot describe, or one that does not match the header given.
    #[error("the volume cannot be written as NIfTI: {problem}")]
    Unwritable {
        /// What is wrong and what to do.
        problem: String,
    },
}

/// `64x64x21`.
pub(super) fn times<T: ToString>(sizes: &[T]) -> String {
    let sizes: Vec<String> = sizes.iter().map(T::to_string).collect();
    sizes.join("x")
}

fn product(shape: &[usize; 3]) -> u128 {
    shape
        .iter()
        .map(|&n| n as u128)
        .fold(1, u128::saturating_mul)
}
