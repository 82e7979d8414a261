//! Image files by path: `.nii`, `.nii.gz` and the two files of a `.hdr`/`.img` pair.

use std::fs::{self, File};
use std::io::{self, BufReader};
use std::iter;
use std::path::{Path, PathBuf};

use super::nifti::NiftiBytes;
use super::{Affine, Datatype, Header, NiftiImage, Volume, VolumeError};
use super::{encode_nifti, encode_nifti_like, mark};
use crate::platform;

/// Bytes read from the disk at once.
const BLOCK: usize = 128 << 10;

/// What [`probe`] found.
#[derive(Debug, Clone, PartialEq)]
pub struct Probe {
    /// Voxels along each axis.
    pub shape: [usize; 3],
    /// Voxel index to world, mm.
    pub affine: Affine,
    /// How the voxels are stored.
    pub datatype: Datatype,
}

/// Reads a volume: `.nii`, `.nii.gz`, or a `.hdr`/`.img` pair by either name, each part gzip or not.
///
/// # Errors
/// Whatever is wrong with the file, named.
pub fn read(path: &Path) -> Result<Volume, VolumeError> {
    Ok(read_image(path)?.volume)
}

/// Reads a volume and keeps its header.
///
/// # Errors
/// As [`read`].
pub fn read_image(path: &Path) -> Result<NiftiImage, VolumeError> {
    let name = path.display().to_string();
    match Pair::of(path, &name)? {
        None => open(path, &name)?.single(),
        Some(pair) => {
            let header = open(&pair.header, &name)?.header()?;
            open(pair.image(&name)?, &name)?.image(header)
        }
    }
}

/// Everything [`read`] would refuse, as far as the header and the file's length show it: what lies deeper, a
/// gzip stream that breaks off, only reading finds.
///
/// # Errors
/// As [`read`], in the same words.
pub fn probe(path: &Path) -> Result<Probe, VolumeError> {
    let name = path.display().to_string();
    let (header, voxels) = match Pair::of(path, &name)? {
        None => {
            let mut file = open(path, &name)?;
            (file.single_header()?, file)
        }
        Some(pair) => {
            let header = open(&pair.header, &name)?.header()?;
            (header, open(pair.image(&name)?, &name)?)
        }
    };
    let affine = header.affine(&name)?;
    voxels.check(&header)?;
    Ok(Probe {
        shape: header.shape,
        affine,
        datatype: header.datatype,
    })
}

/// Whether a file is a label map just as this program wrote it: no voxel has changed since.
pub fn made_here(path: &Path) -> bool {
    let name = path.display().to_string();
    let unchanged = || -> Result<bool, VolumeError> {
        let mut file = open(path, &name)?;
        let header = file.single_header()?;
        match header.mark {
            // Scaled, the same bytes are other labels.
            Some(written) if header.scaling.is_none() => {
                Ok(written == mark::of(&file.voxels(&header)?))
            }
            _ => Ok(false),
        }
    };
    unchanged().unwrap_or(false)
}

/// The files that [`read`] takes an image from: the one named, and the other half of a pair.
pub fn files_of(path: &Path) -> Vec<PathBuf> {
    match Pair::of(path, "") {
        Ok(Some(Pair { header, image })) => iter::once(header).chain(image).collect(),
        _ => vec![path.to_owned()],
    }
}

/// Writes a volume as NIfTI-1, `.nii` or `.nii.gz` by the name: beside, synced and renamed, so that no half
/// file carries the name.
///
/// # Errors
/// As [`encode_nifti`], [`VolumeError::Extension`] for another name, [`VolumeError::Write`] from the system.
pub fn write(path: &Path, volume: &Volume, datatype: Datatype) -> Result<(), VolumeError> {
    let gzip = is_gzip_name(path)?;
    save(path, &encode_nifti(volume, datatype, gzip)?)
}

/// Writes a volume on the grid of the image `header` came from; see [`encode_nifti_like`].
///
/// # Errors
/// As [`write`], and if the shapes differ.
pub fn write_like(
    path: &Path,
    header: &Header,
    volume: &Volume,
    datatype: Datatype,
) -> Result<(), VolumeError> {
    let gzip = is_gzip_name(path)?;
    save(path, &encode_nifti_like(header, volume, datatype, gzip)?)
}

fn save(path: &Path, bytes: &[u8]) -> Result<(), VolumeError> {
    platform::write_atomic(path, bytes).map_err(|source| VolumeError::Write {
        name: path.display().to_string(),
        source,
    })
}

/// Whether [`write`] takes this name.
///
/// # Errors
/// [`VolumeError::Extension`] where it does not.
pub fn check_name(path: &Path) -> Result<(), VolumeError> {
    is_gzip_name(path).map(|_| ())
}

fn is_gzip_name(path: &Path) -> Result<bool, VolumeError> {
    let (base, gzip) = split(path);
    if is(&base, "nii") {
        return Ok(gzip);
    }
    Err(VolumeError::Extension {
        name: path.display().to_string(),
    })
}

fn open<'a>(path: &Path, name: &'a str) -> Result<NiftiBytes<'a, BufReader<File>>, VolumeError> {
    let failed = |source: io::Error| match source.kind() {
        io::ErrorKind::NotFound => VolumeError::Missing { name: name.into() },
        _ => VolumeError::Read {
            name: name.into(),
            source,
        },
    };
    let metadata = fs::metadata(path).map_err(failed)?;
    // Before opening: a pipe would wait for a writer.
    if !metadata.is_file() {
        return Err(VolumeError::NotAFile { name: name.into() });
    }
    let file = File::open(path).map_err(failed)?;
    NiftiBytes::open(name, BufReader::with_capacity(BLOCK, file), metadata.len())
}

/// The two files of a `.hdr`/`.img` pair.
struct Pair {
    header: PathBuf,
    image: Option<PathBuf>,
}

impl Pair {
    /// The pair `path` is one half of, if its name says that it is.
    fn of(path: &Path, name: &str) -> Result<Option<Self>, VolumeError> {
        let (base, gzip) = split(path);
        let is_header = is(&base, "hdr");
        if !is_header && !is(&base, "img") {
            return Ok(None);
        }
        if !path.exists() {
            return Err(VolumeError::Missing { name: name.into() });
        }
        // The partner compressed alike comes first, and small letters before capitals.
        let endings = match (is_header, gzip) {
            (true, false) => ["img", "IMG", "img.gz", "IMG.GZ"],
            (true, true) => ["img.gz", "IMG.GZ", "img", "IMG"],
            (false, false) => ["hdr", "HDR", "hdr.gz", "HDR.GZ"],
            (false, true) => ["hdr.gz", "HDR.GZ", "hdr", "HDR"],
        };
        let candidates = endings.map(|ending| base.with_extension(ending));
        let partner = candidates.into_iter().find(|partner| partner.exists());
        if is_header {
            return Ok(Some(Self {
                header: path.into(),
                image: partner,
            }));
        }
        match partner {
            Some(header) => Ok(Some(Self {
                header,
                image: Some(path.into()),
            })),
            None => Err(VolumeError::MissingPart {
                name: name.into(),
                part: ".hdr",
            }),
        }
    }

    fn image(&self, name: &str) -> Result<&Path, VolumeError> {
        let missing = || VolumeError::MissingPart {
            name: name.into(),
            part: ".img",
        };
        self.image.as_deref().ok_or_else(missing)
    }
}

/// A path without a last `.gz`, and whether it had one.
fn split(path: &Path) -> (PathBuf, bool) {
    let gzip = is(path, "gz");
    (
        if gzip {
            path.with_extension("")
        } else {
            path.into()
        },
        gzip,
    )
}

fn is(path: &Path, extension: &str) -> bool {
    path.extension()
        .is_some_and(|have| have.eq_ignore_ascii_case(extension))
}
