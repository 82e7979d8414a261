//! What kind of file this is, by its first bytes.

use super::VolumeError;
use super::version::{SIZE_1, SIZE_2, Version};

/// Where a DICOM file says that it is one.
const DICOM: (usize, &[u8]) = (128, b"DICM");

/// Formats that turn up where NIfTI is expected: where, which bytes, name, what to do.
const OTHERS: [(usize, &[u8], &str, &str); 13] = [
    (
        DICOM.0,
        DICOM.1,
        "a DICOM file",
        "convert the series with dcm2niix",
    ),
    (
        0,
        b"NRRD",
        "an NRRD file",
        "convert it with ITK or 3D Slicer",
    ),
    (
        0,
        b"ObjectType",
        "a MetaImage file",
        "convert it with ITK or 3D Slicer",
    ),
    (0, b"CDF\x01", "a MINC1 file", "convert it with mnc2nii"),
    (
        0,
        b"\x89HDF",
        "an HDF5 or MINC2 file",
        "convert it with mnc2nii",
    ),
    (
        0,
        b"\x93NUMPY",
        "a NumPy file",
        "save it with nibabel, affine included",
    ),
    (0, b"PK\x03\x04", "a zip archive", "unpack it first"),
    (
        0,
        b"BZh",
        "a bzip2 file",
        "unpack it and compress it with gzip",
    ),
    (
        0,
        b"\x28\xb5\x2f\xfd",
        "a Zstandard file",
        "unpack it and compress it with gzip",
    ),
    (
        0,
        b"\xfd7zXZ",
        "an xz file",
        "unpack it and compress it with gzip",
    ),
    (
        0,
        b"\x1f\x8b",
        "compressed with gzip twice",
        "unpack it once",
    ),
    (
        0,
        b"version https://git-lfs",
        "a Git LFS pointer",
        "fetch the file itself with git lfs pull",
    ),
    (
        0,
        b"<",
        "a web page or XML text",
        "download the file itself",
    ),
];

/// Bytes that [`is_dicom`] looks at.
pub const DICOM_BYTES: usize = DICOM.0 + DICOM.1.len();

/// Whether the first [`DICOM_BYTES`] of a file are those of DICOM.
pub fn is_dicom(head: &[u8]) -> bool {
    head.get(DICOM.0..)
        .is_some_and(|rest| rest.starts_with(DICOM.1))
}

/// Whether a header carries the magic of NIfTI-1, which counts for more than the size it states.
fn is_version_1(head: &[u8]) -> bool {
    let magic = head.get(SIZE_1 - 4..).unwrap_or_default();
    magic.starts_with(b"n+1\0") || magic.starts_with(b"ni1\0")
}

/// Whether a header states `size` as its own, in either byte order.
fn states(head: &[u8], size: usize) -> bool {
    let size = size as u32;
    head.starts_with(&size.to_le_bytes()) || head.starts_with(&size.to_be_bytes())
}

/// Whether a header goes on past [`SIZE_1`] bytes.
pub(super) fn is_long(head: &[u8]) -> bool {
    !is_version_1(head) && states(head, SIZE_2)
}

/// The NIfTI version of a header, or an error that says what the file is instead.
///
/// `head` is the start of the file, cut at [`SIZE_2`] bytes or where the file ends.
pub(super) fn version(name: &str, head: &[u8]) -> Result<Version, VolumeError> {
    let name = || name.to_owned();
    if is_version_1(head) {
        return Ok(Version::One);
    }
    if is_long(head) {
        return version_2(name, head);
    }
    for (offset, bytes, format, advice) in OTHERS {
        if head
            .get(offset..)
            .is_some_and(|rest| rest.starts_with(bytes))
        {
            return Err(VolumeError::OtherFormat {
                name: name(),
                format,
                advice,
            });
        }
    }
    if is_mgh(head) {
        let (format, advice) = ("a FreeSurfer MGH file", "convert it with mri_convert");
        return Err(VolumeError::OtherFormat {
            name: name(),
            format,
            advice,
        });
    }
    if states(head, SIZE_1) {
        if head.len() < SIZE_1 {
            return Err(short(name(), SIZE_1, head.len()));
        }
        let format = "an Analyze 7.5 file, which cannot tell left from right";
        let advice = "convert it from its source again";
        return Err(VolumeError::OtherFormat {
            name: name(),
            format,
            advice,
        });
    }
    Err(VolumeError::NotNifti { name: name() })
}

fn version_2(name: impl Fn() -> String, head: &[u8]) -> Result<Version, VolumeError> {
    let broken = |problem: &str| VolumeError::Header {
        name: name(),
        problem: problem.into(),
    };
    if head.len() < SIZE_2 {
        return Err(short(name(), SIZE_2, head.len()));
    }
    if !matches!(&head[4..8], b"n+2\0" | b"ni2\0") {
        return Err(broken(
            "it has the size of a NIfTI-2 header and not its magic",
        ));
    }
    // Line ends put there to be broken by a transfer as text.
    if !matches!(&head[8..12], b"\r\n\x1a\n" | b"\0\0\0\0") {
        return Err(broken("its bytes were changed by a transfer as text"));
    }
    Ok(Version::Two)
}

fn short(name: String, expected: usize, found: usize) -> VolumeError {
    let (expected, found) = (expected as u64, found as u64);
    VolumeError::Truncated {
        name,
        what: "header",
        expected,
        found,
    }
}

/// MGH has no magic: big-endian version 1, four plausible sizes, a known type.
fn is_mgh(head: &[u8]) -> bool {
    let (numbers, _) = head.as_chunks::<4>();
    let mut numbers = numbers.iter().map(|bytes| i32::from_be_bytes(*bytes));
    numbers.next() == Some(1)
        && numbers
            .by_ref()
            .take(4)
            .filter(|n| (1..=1 << 20).contains(n))
            .count()
            == 4
        && numbers
            .next()
            .is_some_and(|datatype| matches!(datatype, 0 | 1 | 3 | 4 | 10))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_files_are_named() {
        let mut dicom = [0; 200];
        dicom[128..132].copy_from_slice(b"DICM");
        let message = |head: &[u8]| version("a.nii", head).unwrap_err().to_string();
        assert_eq!(
            message(&dicom),
            "a.nii: a DICOM file, not NIfTI; convert the series with dcm2niix"
        );
        assert!(message(b"<!DOCTYPE html>").contains("a web page"));
        assert!(message(&[1, 2, 3]).contains("not a NIfTI file"));
        assert!(message(&348_i32.to_be_bytes()).contains("4 of 348 bytes of header"));
        assert!(message(b"").contains("not a NIfTI file"));
    }

    #[test]
    fn a_nifti_2_header_mangled_as_text_is_named() {
        let mut head = [0; SIZE_2];
        head[..4].copy_from_slice(&540_i32.to_le_bytes());
        head[4..12].copy_from_slice(b"n+2\0\n\x1a\n\0");
        assert!(
            version("a.nii", &head)
                .unwrap_err()
                .to_string()
                .contains("as text")
        );
    }
}
