//! The mark that tells a label map as this program wrote it from one that was corrected since.

use super::version::SIZE_2;

/// Where the description lies in a NIfTI-1 header.
const DESCRIPTION: usize = 148;
/// The description of files from here.
const MAKER: &[u8] = b"Hounsfield";
/// Digits of a mark.
const DIGITS: usize = 16;

/// The mark of voxels as they are stored: the first digits of their hash.
pub(super) fn of(voxels: &[u8]) -> [u8; DIGITS] {
    let hash = blake3::hash(voxels).to_hex();
    std::array::from_fn(|digit| hash.as_bytes()[digit])
}

/// Names the maker in a NIfTI-1 header, and marks it with `voxels` where they are labels.
///
/// Programs keep the description of a file that they change, so the maker's name alone would pass hand-drawn labels
/// for a prediction.
pub(super) fn put(header: &mut [u8], labels: Option<&[u8]>) {
    let text = match labels {
        Some(voxels) => [MAKER, b" ", &of(voxels)].concat(),
        None => MAKER.to_vec(),
    };
    header[DESCRIPTION..DESCRIPTION + text.len()].copy_from_slice(&text);
}

/// The mark in a NIfTI-1 header, if this program wrote it over labels.
pub(super) fn found(header: &[u8; SIZE_2]) -> Option<[u8; DIGITS]> {
    let text = header[DESCRIPTION..].strip_prefix(MAKER)?;
    let (mark, rest) = text.strip_prefix(b" ")?.split_first_chunk()?;
    rest.starts_with(b"\0").then_some(*mark)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_found_again_and_differs_with_the_voxels() {
        let mut header = [0; SIZE_2];
        assert_eq!(found(&header), None);
        put(&mut header, None);
        assert_eq!(found(&header), None);
        put(&mut header, Some(&[0, 1, 2]));
        assert_eq!(found(&header), Some(of(&[0, 1, 2])));
        assert_ne!(found(&header), Some(of(&[0, 1, 3])));
        let text = String::from_utf8_lossy(&header[DESCRIPTION..][..28]);
        assert!(text.starts_with("Hounsfield ") && text.ends_with('\0'));
    }
}
