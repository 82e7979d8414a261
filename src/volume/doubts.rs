//! What is doubtful about an image that could be read.

use std::path::Path;

use super::error::times;
use super::{Affine, NiftiImage};

/// Hardly a scan of a person is longer, in metres, and hardly one of a specimen shorter, in millimetres.
const SHORT: f64 = 2.0;

/// Where an axis of the world points, against it and along it.
const DIRECTIONS: [[&str; 2]; 3] = [["left", "right"], ["back", "front"], ["feet", "head"]];

impl NiftiImage {
    /// What its user may not know, a sentence each, to follow the file's name.
    pub fn doubts(&self) -> Vec<String> {
        let doubts = [
            self.not_finite(),
            self.outliers(),
            self.guessed_place(),
            self.metres(),
            self.trailing(),
        ];
        doubts.into_iter().flatten().collect()
    }

    fn guessed_place(&self) -> Option<String> {
        let why = self.header.guess()?;
        let affine = self.volume.affine();
        let sizes = self.sizes();
        let [x, y, z] = [0, 1, 2].map(|axis| direction(affine, axis));
        Some(format!(
            "{why}: voxels of {sizes} mm are assumed, with axes towards {x}, {y} and {z}; set its qform or sform if that \
             is wrong"
        ))
    }

    /// Where no unit is named, lengths are millimetres, as in every reader: a scan may be too small for that.
    fn metres(&self) -> Option<String> {
        let spacing = self.volume.spacing();
        let sides = self.volume.shape().into_iter().zip(spacing);
        let longest = sides.fold(0.0, |longest: f64, (n, mm)| longest.max(n as f64 * mm));
        (!self.header.names_millimetres() && longest < SHORT).then(|| {
            format!(
                "its voxels are {} mm and its longest side {} mm, where its header names no unit of length: the numbers may be \
                 metres; scale pixdim, srow and the offsets to mm if they are, or set the unit to mm",
                self.sizes(),
                rounded(longest)
            )
        })
    }

    /// Every reader leaves them alone, but they may be frames of a header that counts too few axes.
    fn trailing(&self) -> Option<String> {
        let bytes = self.header.trailing?;
        let shape = times(&self.volume.shape());
        Some(format!(
            "{bytes} bytes follow the {shape} voxels that its header describes, and are not read; if something is missing, \
             check its dimensions"
        ))
    }

    /// The voxel's edges, in millimetres.
    fn sizes(&self) -> String {
        self.volume
            .spacing()
            .map(|mm| rounded(mm).to_string())
            .join(" x ")
    }

    fn not_finite(&self) -> Option<String> {
        let data = self.volume.data();
        let count = data.iter().filter(|value| !value.is_finite()).count();
        (count > 0).then(|| {
            format!(
                "{count} of its {} voxels are no finite numbers, or larger than 32 bits hold; check how it was exported",
                data.len()
            )
        })
    }

    fn outliers(&self) -> Option<String> {
        let found = self.volume.outliers()?;
        let others = match found.others {
            0.0 => "all others are 0".to_owned(),
            size => format!("all others lie within {} of 0", number(size)),
        };
        Some(format!(
            "{} of its {} voxels have values as far out as {}, where {others}; the intensities zscore and percentile \
             leave them out, resampling spreads them over their neighbours; check how it was exported",
            found.count,
            self.volume.data().len(),
            number(found.farthest)
        ))
    }
}

/// A length or a volume to the thousandth: a voxel's is no round number. Of a small one three digits, so that what is
/// there is never 0.
pub fn rounded(value: f64) -> f64 {
    match value {
        0.1.. => (value * 1000.0).round() / 1000.0,
        _ => format!("{value:.2e}").parse().unwrap_or(value),
    }
}

/// A value as people write it, whatever its size.
fn number(value: f32) -> String {
    match value.abs() {
        0.001..1e6 => value.to_string(),
        _ => format!("{value:e}"),
    }
}

/// Where an axis of the voxels points most of all.
fn direction(affine: &Affine, axis: usize) -> &'static str {
    let length = |row: &usize| affine[(*row, axis)].abs();
    let row = (0..3).max_by(|a, b| length(a).total_cmp(&length(b)));
    let row = row.unwrap_or_default();
    DIRECTIONS[row][usize::from(affine[(row, axis)] > 0.0)]
}

/// Says in a warning each what is doubtful about an image from a file.
pub fn warn_of_doubts(file: &Path, image: &NiftiImage) {
    warn_of(file, &image.doubts());
}

/// Says each of these doubts about an image in a warning, with the name of its file.
pub fn warn_of(file: &Path, doubts: &[String]) {
    for doubt in doubts {
        log::warn!("{}: {doubt}", file.display());
    }
}

#[cfg(test)]
mod tests {
    use crate::volume::{Affine, Datatype, Volume, VolumeError, encode_nifti, read_nifti};
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use std::io::Write;

    fn doubts(data: Vec<f32>) -> Vec<String> {
        let volume = Volume::new([data.len(), 1, 1], data, Affine::identity()).unwrap();
        let bytes = encode_nifti(&volume, Datatype::F64, false).unwrap();
        read_nifti(&bytes, "a.nii").unwrap().doubts()
    }

    #[test]
    fn voxels_that_are_not_finite_are_counted() {
        let found = doubts(vec![1.0, f32::NAN, -3e9, f32::INFINITY, 0.0]);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].starts_with("2 of its 5 voxels"), "{found:?}");
        assert!(doubts(vec![1.0, 2.0, -3e9]).is_empty());
    }

    #[test]
    fn values_far_beyond_all_others_are_told_with_their_number() {
        let mut data = vec![5.5; 500];
        (data[3], data[4], data[5]) = (-3e38, 2e9, f32::NAN);
        let found = doubts(data);
        assert_eq!(found.len(), 2, "{found:?}");
        let told = "2 of its 500 voxels have values as far out as -3e38, where all others lie within 5.5 of 0";
        assert!(found[1].starts_with(told), "{found:?}");
        let found = doubts(vec![0.0, 2e30]);
        let told = "1 of its 2 voxels have values as far out as 2e30, where all others are 0";
        assert!(found[0].starts_with(told), "{found:?}");
    }

    /// The doubt about a file of 2 mm voxels with both forms, after these bytes of its header were changed.
    fn of_header(changes: &[(usize, &[u8])]) -> Option<String> {
        let mut affine = Affine::identity();
        (0..3).for_each(|axis| affine[(axis, axis)] = 2.0);
        let volume = Volume::new([2, 1, 1], vec![1.0, 2.0], affine).unwrap();
        let mut bytes = encode_nifti(&volume, Datatype::F32, false).unwrap();
        for (at, change) in changes {
            bytes[*at..at + change.len()].copy_from_slice(change);
        }
        let mut found = read_nifti(&bytes, "a.nii").unwrap().doubts();
        assert!(found.len() < 2, "{found:?}");
        found.pop()
    }

    #[test]
    fn a_place_that_no_form_gives_is_told_with_what_is_assumed() {
        let (no_qform, no_sform) = ((252, &[0, 0][..]), (254, &[0, 0][..]));
        let nan = f32::NAN.to_le_bytes();
        let broken = (280, &nan[..]);
        assert_eq!(of_header(&[]), None);
        assert_eq!(of_header(&[no_qform]), None);
        assert_eq!(of_header(&[no_sform]), None);
        // The qform stands in for it.
        assert_eq!(of_header(&[broken]), None);

        let neither = of_header(&[no_qform, no_sform]).unwrap();
        for part in ["neither", "2 x 2 x 2 mm", "left, front and head"] {
            assert!(neither.contains(part), "{neither}");
        }
        let zeros = [0; 48];
        for sform in [broken, (280, &zeros[..])] {
            let found = of_header(&[no_qform, sform]).unwrap();
            for part in ["sform", "broken", "2 x 2 x 2 mm", "right, front and head"] {
                assert!(found.contains(part), "{found}");
            }
        }
        let flat = of_header(&[no_sform, (84, &[0; 4][..])]).unwrap();
        assert!(flat.contains("is 0: voxels of 2 x 1 x 2 mm"), "{flat}");
    }

    #[test]
    fn a_scan_too_small_for_millimetres_is_doubted_where_no_unit_is_named() {
        let found = |edge: f64, units: u8| {
            let mut affine = Affine::identity();
            (0..3).for_each(|axis| affine[(axis, axis)] = edge);
            let volume = Volume::new([300, 1, 1], vec![1.0; 300], affine).unwrap();
            let mut bytes = encode_nifti(&volume, Datatype::F32, false).unwrap();
            bytes[123] = units;
            read_nifti(&bytes, "a.nii").unwrap().doubts()
        };
        // No unit, and none of lengths beside seconds.
        for units in [0, 8] {
            let told = found(0.0007, units);
            assert_eq!(told.len(), 1, "{told:?}");
            for part in [
                "0.0007 x 0.0007 x 0.0007 mm",
                "side 0.21 mm",
                "may be metres",
            ] {
                assert!(told[0].contains(part), "{told:?}");
            }
            // A specimen of 3 mm.
            assert!(found(0.01, units).is_empty());
        }
        // Whoever names millimetres means them.
        assert!(found(0.0007, 2).is_empty());
    }

    #[test]
    fn what_follows_the_voxels_is_left_alone_and_told_of_where_it_is_more_than_padding() {
        let volume = Volume::new([100, 100, 3], vec![1.0; 30_000], Affine::identity()).unwrap();
        let plain = encode_nifti(&volume, Datatype::F32, false).unwrap();
        let followed = |bytes: usize, gzip: bool| {
            let file = [&plain[..], &vec![7; bytes]].concat();
            if !gzip {
                return read_nifti(&file, "a.nii");
            }
            let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
            packed.write_all(&file).unwrap();
            read_nifti(&packed.finish().unwrap(), "a.nii.gz")
        };
        for gzip in [false, true] {
            for padding in [0, 60_000] {
                let image = followed(padding, gzip).unwrap();
                assert!(image.doubts().is_empty(), "{:?}", image.doubts());
            }
            // Less than the voxels take.
            let image = followed(100_000, gzip).unwrap();
            assert_eq!(image.volume, volume);
            let told = image.doubts();
            assert!(
                told[0].starts_with("100000 bytes follow the 100x100x3 voxels"),
                "{told:?}"
            );
        }
        // And more, which a plain file holds and a packed one only claims.
        assert_eq!(followed(1 << 20, false).unwrap().doubts().len(), 1);
        let refused = followed(1 << 20, true);
        assert!(
            matches!(refused, Err(VolumeError::Excess { .. })),
            "{refused:?}"
        );
    }

    #[test]
    fn numbers_beyond_32_bits_are_counted() {
        let volume = Volume::new([2, 1, 1], vec![1.0, 2.0], Affine::identity()).unwrap();
        let mut bytes = encode_nifti(&volume, Datatype::F64, false).unwrap();
        bytes[352..360].copy_from_slice(&1e200_f64.to_le_bytes());
        let found = read_nifti(&bytes, "a.nii").unwrap().doubts();
        assert!(found[0].starts_with("1 of its 2 voxels"), "{found:?}");
    }
}
