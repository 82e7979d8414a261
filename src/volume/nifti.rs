//! Reading NIfTI: header, voxels and affine from one stream, or from the two of a pair.

use std::io::{self, BufRead, Read};

use super::error::times;
use super::gunzip::{MAX_RATIO, Stream, read_full};
use super::signature::is_long;
use super::version::{SIZE_1, SIZE_2};
use super::{Header, Volume, VolumeError, voxels};

/// First piece taken for voxels; from there memory doubles with the bytes that arrived.
const FIRST_PIECE: usize = 64 << 10;
/// Bytes between the last voxel and the end of a file that pass for padding.
const PADDING: u64 = 64 << 10;

/// A volume with the header it came from, so that a result can be written on the same grid.
#[derive(Debug, Clone, PartialEq)]
pub struct NiftiImage {
    /// What the file said.
    pub header: Header,
    /// Real values and the affine of specification 2.1.
    pub volume: Volume,
}

/// Reads the bytes of a `.nii` or `.nii.gz` file; `name` is for messages.
///
/// # Errors
/// Whatever is wrong with the file. Memory is only taken for bytes that are there.
pub fn read_nifti(bytes: &[u8], name: &str) -> Result<NiftiImage, VolumeError> {
    NiftiBytes::open(name, bytes, bytes.len() as u64)?.single()
}

/// Reads the bytes of a `.hdr` and its `.img`, each gzip or not; `name` is for messages.
///
/// # Errors
/// Whatever is wrong with either part.
pub fn read_nifti_pair(header: &[u8], image: &[u8], name: &str) -> Result<NiftiImage, VolumeError> {
    let header = NiftiBytes::open(name, header, header.len() as u64)?.header()?;
    NiftiBytes::open(name, image, image.len() as u64)?.image(header)
}

/// One file: its name for messages, its bytes, how many are stored and how many were taken.
pub(super) struct NiftiBytes<'a, R: BufRead> {
    name: &'a str,
    stream: Stream<R>,
    length: u64,
    position: u64,
    /// Bytes that follow the voxels, once those were read.
    trailing: u64,
}

impl<'a, R: BufRead> NiftiBytes<'a, R> {
    /// `length` is the number of bytes stored.
    pub(super) fn open(name: &'a str, reader: R, length: u64) -> Result<Self, VolumeError> {
        let stream = Stream::open(reader).map_err(|source| VolumeError::Read {
            name: name.into(),
            source,
        })?;
        Ok(Self {
            name,
            stream,
            length,
            position: 0,
            trailing: 0,
        })
    }

    /// Reads and checks the header.
    pub(super) fn header(&mut self) -> Result<Header, VolumeError> {
        let mut block = [0; SIZE_2];
        let mut length = self.fill(&mut block[..SIZE_1])?;
        if length == SIZE_1 && is_long(&block[..SIZE_1]) {
            length += self.fill(&mut block[SIZE_1..])?;
        }
        if length == 0 {
            return Err(self.truncated("header", SIZE_1 as u64));
        }
        Header::parse(self.name, &block, length)
    }

    /// Reads a whole single-file image.
    pub(super) fn single(mut self) -> Result<NiftiImage, VolumeError> {
        let header = self.single_header()?;
        self.image(header)
    }

    /// Reads the header of a single-file image.
    pub(super) fn single_header(&mut self) -> Result<Header, VolumeError> {
        let header = self.header()?;
        if header.single_file {
            return Ok(header);
        }
        Err(VolumeError::MissingPart {
            name: self.name.into(),
            part: ".img with the voxels",
        })
    }

    /// Reads the voxels `header` describes, from the same file or from the `.img`.
    pub(super) fn image(mut self, mut header: Header) -> Result<NiftiImage, VolumeError> {
        let affine = header.affine(self.name)?;
        let raw = self.voxels(&header)?;
        header.trailing = Some(self.trailing).filter(|bytes| *bytes > PADDING);
        let name = self.name;
        drop(self);
        let data = voxels::decode(raw, &header).map_err(|_| too_large(name, &header))?;
        Ok(NiftiImage {
            volume: Volume::new(header.shape, data, affine)?,
            header,
        })
    }

    /// Whether the stored bytes can hold the voxels at all.
    pub(super) fn check(&self, header: &Header) -> Result<(), VolumeError> {
        let (_, bytes) = header.sizes().ok_or_else(|| too_large(self.name, header))?;
        let expected = header.offset.saturating_add(bytes as u64);
        let found = match self.stream.is_gzip() {
            true => self.length.saturating_mul(MAX_RATIO),
            false => self.length,
        };
        if expected <= found {
            return Ok(());
        }
        Err(VolumeError::Truncated {
            name: self.name.into(),
            what: "image",
            expected,
            found,
        })
    }

    /// Reads the voxels `header` describes as they are stored.
    pub(super) fn voxels(&mut self, header: &Header) -> Result<Vec<u8>, VolumeError> {
        self.check(header)?;
        let (_, bytes) = header.sizes().ok_or_else(|| too_large(self.name, header))?;
        let end = header.offset + bytes as u64;
        let mut scratch = [0; 4096];
        while self.position < header.offset {
            let step = (header.offset - self.position).min(scratch.len() as u64) as usize;
            if self.fill(&mut scratch[..step])? < step {
                return Err(self.truncated("image", end));
            }
        }
        let mut raw = Vec::new();
        let mut filled = 0;
        while filled < bytes {
            let size = bytes.min((2 * raw.len()).max(FIRST_PIECE));
            raw.try_reserve_exact(size - raw.len())
                .map_err(|_| too_large(self.name, header))?;
            raw.resize(size, 0);
            filled += self.fill(&mut raw[filled..])?;
            if filled < size {
                return Err(self.truncated("image", end));
            }
        }
        match self.stream.is_gzip() {
            true => self.finish(end, bytes as u64)?,
            false => self.trailing = self.length.saturating_sub(end),
        }
        Ok(raw)
    }

    /// Reaches the checksum of the gzip stream. What follows the voxels is inflated on the way, but hardly more of it than
    /// they take: no header asked for it.
    fn finish(&mut self, expected: u64, voxels: u64) -> Result<(), VolumeError> {
        let mut scratch = [0; 4096];
        while self.trailing <= voxels.max(PADDING) {
            match self.stream.read(&mut scratch) {
                Ok(0) => return Ok(()),
                Ok(count) => self.trailing += count as u64,
                Err(error) => return Err(self.error(error)),
            }
        }
        Err(VolumeError::Excess {
            name: self.name.into(),
            expected,
        })
    }

    fn fill(&mut self, buffer: &mut [u8]) -> Result<usize, VolumeError> {
        let count = read_full(&mut self.stream, buffer).map_err(|error| self.error(error))?;
        self.position += count as u64;
        Ok(count)
    }

    fn error(&self, source: io::Error) -> VolumeError {
        use io::ErrorKind::{InvalidData, InvalidInput, UnexpectedEof};
        let name = self.name.into();
        match source.kind() {
            InvalidData | InvalidInput | UnexpectedEof => VolumeError::Gzip { name, source },
            _ => VolumeError::Read { name, source },
        }
    }

    fn truncated(&self, what: &'static str, expected: u64) -> VolumeError {
        VolumeError::Truncated {
            name: self.name.into(),
            what,
            expected,
            found: self.position,
        }
    }
}

fn too_large(name: &str, header: &Header) -> VolumeError {
    VolumeError::TooLarge {
        name: name.into(),
        shape: times(&header.shape),
    }
}
