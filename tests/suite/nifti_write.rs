//! NIfTI files as they are written: they read back as the same voxels in the same place.

use std::fs;
use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use hounsfield::volume::{self, Affine, Datatype, Volume, VolumeError, read_nifti};

use crate::support;

/// A float32 volume, every voxel different, with a rotated, left-handed, anisotropic affine.
fn sample() -> Volume {
    let shape = [37, 5, 40];
    let data = (0..37 * 5 * 40).map(|n| n as f32 * 0.25 - 700.0).collect();
    let (s, c) = 0.3_f64.sin_cos();
    let affine = Affine::new(
        0.8 * c,
        -1.2 * s,
        0.0,
        -31.5, //
        0.8 * s,
        1.2 * c,
        0.0,
        12.0, //
        0.0,
        0.0,
        -3.5,
        7.25, //
        0.0,
        0.0,
        0.0,
        1.0,
    );
    Volume::new(shape, data, affine).unwrap()
}

fn assert_same_place(a: &Affine, b: &Affine) {
    assert!((a - b).abs().max() < 1e-5, "{a}{b}");
}

#[test]
fn what_is_written_reads_back() {
    let folder = tempfile::tempdir().unwrap();
    let volume = sample();
    for (name, datatype) in [("a.nii", Datatype::F32), ("b.nii.gz", Datatype::F64)] {
        let path = folder.path().join(name);
        volume::write(&path, &volume, datatype).unwrap();
        let image = volume::read_image(&path).unwrap();
        assert_eq!(image.volume.data(), volume.data());
        assert_same_place(image.volume.affine(), volume.affine());
        assert_eq!((image.header.qform_code, image.header.sform_code), (2, 2));
        assert_eq!((image.header.offset, image.header.xyzt_units), (352, 2));
        assert_eq!(image.header.scaling, None);
        assert_eq!(image.header.datatype, datatype);
    }
    assert_eq!(
        fs::read_dir(folder.path()).unwrap().count(),
        2,
        "nothing is left beside"
    );
}

#[test]
fn the_qform_says_what_the_sform_says() {
    let mut bytes = volume::encode_nifti(&sample(), Datatype::F32, false).unwrap();
    bytes[254..256].fill(0);
    let image = read_nifti(&bytes, "qform").unwrap();
    assert_same_place(image.volume.affine(), sample().affine());
    assert_eq!(image.header.pixdim[0], -1.0, "left-handed");
}

#[test]
fn a_sheared_volume_has_no_qform() {
    let mut affine = *sample().affine();
    affine[(0, 2)] = 0.9;
    let volume = Volume::new(sample().shape(), sample().into_data(), affine).unwrap();
    let bytes = volume::encode_nifti(&volume, Datatype::F32, false).unwrap();
    let image = read_nifti(&bytes, "sheared").unwrap();
    assert_eq!(image.header.qform_code, 0);
    assert_same_place(image.volume.affine(), &affine);
}

#[test]
fn integers_take_the_nearest_value_and_refuse_what_they_cannot_hold() {
    let volume =
        |data: Vec<f32>| Volume::new([data.len(), 1, 1], data, Affine::identity()).unwrap();
    let stored = |data, datatype| {
        let bytes = volume::encode_nifti(&volume(data), datatype, true)?;
        Ok::<_, VolumeError>(read_nifti(&bytes, "integers")?.volume.into_data())
    };
    assert_eq!(
        stored(vec![-1024.4, 0.5, 1.5, 3071.0], Datatype::I16).unwrap(),
        [-1024.0, 0.0, 2.0, 3071.0]
    );
    assert_eq!(
        stored(vec![0.0, 13.0, 255.0], Datatype::U8).unwrap(),
        [0.0, 13.0, 255.0]
    );
    for (value, datatype) in [
        (256.0, Datatype::U8),
        (-1.0, Datatype::U32),
        (f32::NAN, Datatype::I64),
        (4e4, Datatype::I16),
    ] {
        let error = stored(vec![0.0, value], datatype).unwrap_err();
        assert!(matches!(error, VolumeError::Range { .. }), "{error}");
    }
}

#[test]
fn a_result_lies_on_the_grid_of_its_image() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("label.nii.gz");
    for name in [
        "monai/anatomical.nii",
        "nifti-reader-js/air2.hdr.gz",
        "nifti-reader-js/big.nii.gz",
        "nifti-reader-js/little.nii.gz",
        "nifti-rs/minimal.nii.gz",
        "niivue/demos/images/lesion.nii.gz",
        "niivue/demos/images/shear.nii.gz",
    ] {
        let image = volume::read_image(&support::data("robustness").join(name)).unwrap();
        let voxels = image.volume.data().len();
        let label = (0..voxels).map(|n| (n % 14) as f32).collect();
        let label = Volume::new(image.volume.shape(), label, Affine::identity()).unwrap();
        volume::write_like(&path, &image.header, &label, Datatype::U8).unwrap();
        let back = volume::read_image(&path).unwrap();
        assert_eq!(back.volume.data(), label.data(), "{name}");
        assert_same_place(back.volume.affine(), image.volume.affine());
        assert_eq!(back.header.qform_code, image.header.qform_code, "{name}");
        assert_eq!(back.header.sform_code, image.header.sform_code, "{name}");
    }
    let other = read_nifti(
        &volume::encode_nifti(&sample(), Datatype::F32, true).unwrap(),
        "other",
    );
    let small = Volume::new([1, 1, 1], vec![0.0], Affine::identity()).unwrap();
    let error =
        volume::write_like(&path, &other.unwrap().header, &small, Datatype::U8).unwrap_err();
    assert!(error.to_string().contains("1x1x1"), "{error}");
}

#[test]
fn a_result_of_an_image_with_four_axes_is_placed_by_the_same_form() {
    // Of three axes the form that agrees with the spacing wins over the one that does not; of four, neither agrees, and
    // the sform stays.
    let mut bytes = volume::encode_nifti(&sample(), Datatype::F32, false).unwrap();
    for row in 0..3 {
        bytes[280 + 16 * row + 4 * row..][..4].copy_from_slice(&9.5_f32.to_le_bytes());
    }
    let three = read_nifti(&bytes, "three").unwrap();
    bytes[40..42].copy_from_slice(&4_i16.to_le_bytes());
    let four = read_nifti(&bytes, "four").unwrap();
    assert_ne!(three.volume.affine(), four.volume.affine());
    for image in [three, four] {
        let label = vec![1.0; image.volume.data().len()];
        let label = Volume::new(image.volume.shape(), label, Affine::identity()).unwrap();
        let written =
            volume::encode_nifti_like(&image.header, &label, Datatype::U8, false).unwrap();
        let back = read_nifti(&written, "back").unwrap();
        assert_same_place(back.volume.affine(), image.volume.affine());
        assert_eq!(back.header.axes, image.header.axes);
    }
}

#[test]
fn a_label_map_is_known_until_a_voxel_changes() {
    let labels = (0..37 * 5 * 40).map(|n| (n % 14) as f32).collect();
    let labels = Volume::new(sample().shape(), labels, *sample().affine()).unwrap();
    let written = volume::encode_nifti(&labels, Datatype::U8, false).unwrap();
    let mut corrected = written.clone();
    corrected[400] ^= 1;
    let mut scaled = written.clone();
    scaled[112..116].copy_from_slice(&2_f32.to_le_bytes());
    let gzip = |bytes: &[u8]| {
        let mut out = GzEncoder::new(Vec::new(), Compression::fast());
        out.write_all(bytes).unwrap();
        out.finish().unwrap()
    };
    let image = volume::encode_nifti(&sample(), Datatype::F32, false).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.nii.gz");
    for (what, bytes, known) in [
        ("compressed", gzip(&written), true),
        ("written", written, true),
        ("corrected, compressed", gzip(&corrected), false),
        ("corrected", corrected, false),
        ("scaled", scaled, false),
        ("an image", image, false),
        ("nothing", Vec::new(), false),
    ] {
        fs::write(&path, bytes).unwrap();
        assert_eq!(volume::made_here(&path), known, "{what}");
    }
    assert!(!volume::made_here(&folder.path().join("absent.nii")));
}

#[test]
fn lengths_that_are_no_millimetres_are_refused() {
    let mut bytes = volume::encode_nifti(&sample(), Datatype::F32, false).unwrap();
    // Units of length, with seconds beside them.
    for (units, unit) in [(1, "metres"), (3, "micrometres"), (1 | 8, "metres")] {
        bytes[123] = units;
        let error = read_nifti(&bytes, "a.nii").unwrap_err();
        assert!(matches!(error, VolumeError::Units { .. }), "{error}");
        let message = error.to_string();
        assert!(message.contains(&format!("in {unit},")), "{message}");
    }
    for units in [0, 2, 2 | 8] {
        bytes[123] = units;
        let image = read_nifti(&bytes, "a.nii").unwrap();
        assert_same_place(image.volume.affine(), sample().affine());
    }
}

#[test]
fn a_name_that_is_not_nifti_is_not_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.mha");
    let error = volume::write(&path, &sample(), Datatype::F32).unwrap_err();
    assert!(matches!(error, VolumeError::Extension { .. }), "{error}");
    assert!(!path.exists());
}

#[test]
fn a_stream_that_never_ends_is_not_inflated() {
    let small = volume::encode_nifti(&sample(), Datatype::F32, false).unwrap();
    let mut bomb = GzEncoder::new(Vec::new(), Compression::fast());
    bomb.write_all(&small).unwrap();
    bomb.write_all(&vec![0; 100_000]).unwrap();
    let error = read_nifti(&bomb.finish().unwrap(), "bomb").unwrap_err();
    assert!(matches!(error, VolumeError::Excess { .. }), "{error}");
}

#[test]
fn a_changed_checksum_is_damage() {
    let mut bytes = volume::encode_nifti(&sample(), Datatype::F32, true).unwrap();
    let at = bytes.len() - 8;
    bytes[at] ^= 1;
    let error = read_nifti(&bytes, "damaged").unwrap_err();
    assert!(matches!(error, VolumeError::Gzip { .. }), "{error}");
}
