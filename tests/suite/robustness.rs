//! NIfTI files of every kind, and broken ones: either the volume nibabel and MONAI make of them, or an error
//! that names the problem. `scripts/nifti_reference.py` wrote what they make.

use std::collections::BTreeSet;
use std::fs;
use std::io::Read;
use std::path::Path;

use flate2::Crc;
use flate2::read::MultiGzDecoder;
use hounsfield::volume::{self, NiftiImage, Volume, VolumeError, read_nifti, read_nifti_pair};
use serde_json::Value;

use crate::support;

fn reference() -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/robustness.json");
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

fn rows(part: &str) -> Vec<Value> {
    reference()[part].as_array().unwrap().clone()
}

/// The files that hold a 3D volume, relative to their folder.
pub(crate) fn readable_files() -> Vec<String> {
    rows("files")
        .iter()
        .filter(|row| row.get("error").is_none())
        .map(|row| row["file"].as_str().unwrap().to_owned())
        .collect()
}

/// The script's word for an error.
fn kind(error: &VolumeError) -> &'static str {
    match error {
        VolumeError::OtherFormat { .. } => "other-format",
        VolumeError::NotNifti { .. } => "not-nifti",
        VolumeError::MissingPart { .. } => "missing-part",
        VolumeError::Header { .. } => "header",
        VolumeError::Dimensions { .. } => "dimensions",
        VolumeError::Colour { .. } => "colour",
        VolumeError::Complex { .. } => "complex",
        VolumeError::Datatype { .. } => "datatype",
        VolumeError::Scaling { .. } => "scaling",
        VolumeError::Geometry { .. } => "geometry",
        VolumeError::Truncated { .. } => "truncated",
        _ => "another",
    }
}

fn compare(what: &str, read: Result<Volume, VolumeError>, row: &Value) {
    let volume = match (read, row.get("error")) {
        (Ok(volume), None) => volume,
        (Err(error), Some(expected)) => {
            assert_eq!(kind(&error), expected.as_str().unwrap(), "{what}: {error}");
            return;
        }
        (Ok(_), Some(expected)) => panic!("{what} was read, and is {expected}"),
        (Err(error), None) => panic!("{what} was refused: {error}"),
    };
    assert_eq!(serde_json::json!(volume.shape()), row["shape"], "{what}");
    for (n, expected) in row["affine"].as_array().unwrap().iter().enumerate() {
        let (expected, found) = (expected.as_f64().unwrap(), volume.affine()[(n / 4, n % 4)]);
        let close = 1e-12 * expected.abs().max(1.0);
        assert!(
            (expected - found).abs() <= close,
            "{what}: affine[{n}] {found} not {expected}"
        );
    }
    let sum: f64 = volume
        .data()
        .iter()
        .filter(|v| v.is_finite())
        .map(|v| f64::from(*v))
        .sum();
    let mut crc = Crc::new();
    crc.update(bytemuck::cast_slice(volume.data()));
    assert_eq!(
        Some(u64::from(crc.sum())),
        row["crc32"].as_u64(),
        "{what}: sum {sum}, not {}",
        row["sum"]
    );
}

#[test]
fn every_real_file_reads_as_nibabel_reads_it_or_is_refused_by_name() {
    for row in rows("files") {
        let name = row["file"].as_str().unwrap();
        compare(
            name,
            volume::read(&support::data("robustness").join(name)),
            &row,
        );
    }
}

#[test]
fn every_type_byte_order_scaling_and_form_reads_as_nibabel_reads_it() {
    for row in rows("made") {
        let name = row["case"].as_str().unwrap();
        let hex = row["bytes"].as_str().unwrap().as_bytes();
        let digit = |byte: u8| char::from(byte).to_digit(16).unwrap() as u8;
        let bytes: Vec<u8> = hex
            .chunks(2)
            .map(|pair| digit(pair[0]) << 4 | digit(pair[1]))
            .collect();
        compare(
            name,
            read_nifti(&bytes, name).map(|image| image.volume),
            &row,
        );
        let mut plain = Vec::new();
        MultiGzDecoder::new(bytes.as_slice())
            .read_to_end(&mut plain)
            .unwrap();
        compare(
            name,
            read_nifti(&plain, name).map(|image| image.volume),
            &row,
        );
    }
}

#[test]
fn the_reference_knows_every_file() {
    let mut found = BTreeSet::new();
    let root = support::data("robustness");
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                found.insert(
                    path.strip_prefix(&root)
                        .unwrap()
                        .to_str()
                        .unwrap()
                        .to_owned(),
                );
            }
        }
    }
    let known: BTreeSet<_> = rows("files")
        .iter()
        .map(|row| row["file"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(known, found);
}

#[test]
fn probing_says_what_reading_says_where_the_header_shows_it() {
    for row in rows("files") {
        let name = row["file"].as_str().unwrap();
        let path = support::data("robustness").join(name);
        match (volume::probe(&path), volume::read(&path)) {
            (Ok(probe), Ok(volume)) => {
                assert_eq!(
                    (probe.shape, &probe.affine),
                    (volume.shape(), volume.affine())
                );
            }
            (Err(probe), Err(read)) => assert_eq!(probe.to_string(), read.to_string()),
            (Ok(_), Err(VolumeError::Truncated { .. })) => assert!(name.ends_with(".gz")),
            (probe, read) => panic!("{name}: probe {probe:?}, read {:?}", read.map(|_| ())),
        }
    }
}

#[test]
fn messages_are_one_line_with_the_file_the_problem_and_the_way_out() {
    for row in rows("files") {
        let path = support::data("robustness").join(row["file"].as_str().unwrap());
        if let Err(error) = volume::read(&path) {
            let message = error.to_string();
            assert!(message.starts_with(path.to_str().unwrap()), "{message}");
            assert!(
                message.contains(';') && !message.contains('\n'),
                "{message}"
            );
        }
    }
    let frames = support::data("robustness/niivue/demos/images/mpld_asl.nii.gz");
    assert_eq!(
        volume::read(&frames).unwrap_err().to_string(),
        format!(
            "{}: 4D image of 64x64x24x25; Hounsfield reads 3D volumes: extract one of its 25 frames first",
            frames.display()
        )
    );
}

#[test]
fn what_is_no_file_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("a.nii.gz");
    assert!(matches!(
        volume::read(&missing),
        Err(VolumeError::Missing { .. })
    ));
    assert!(matches!(
        volume::probe(&missing),
        Err(VolumeError::Missing { .. })
    ));
    assert!(matches!(
        volume::read(&folder.path().join("a.hdr")),
        Err(VolumeError::Missing { .. })
    ));
    assert!(matches!(
        volume::read(folder.path()),
        Err(VolumeError::NotAFile { .. })
    ));
    fs::write(&missing, b"").unwrap();
    let error = volume::read(&missing).unwrap_err().to_string();
    assert!(
        error.ends_with("truncated, 0 of 348 bytes of header; copy or download the file again")
    );
}

/// Only where the file system tells letters by their case; elsewhere the first name finds the file anyway.
#[test]
fn a_pair_named_in_capitals_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let small = support::data("robustness/nifti-reader-js/air2.hdr.gz");
    for (from, to) in [("hdr.gz", "SCAN.HDR.GZ"), ("img.gz", "SCAN.IMG.GZ")] {
        let from = small.with_extension("").with_extension(from);
        fs::copy(from, folder.path().join(to)).unwrap();
    }
    let expected = volume::read(&small).unwrap();
    for name in ["SCAN.HDR.GZ", "SCAN.IMG.GZ"] {
        let found = volume::read(&folder.path().join(name)).unwrap();
        assert_eq!(found.data(), expected.data(), "{name}");
    }
}

/// The small files among the real ones, those in gzip both as stored and inflated.
fn small_files() -> Vec<Vec<u8>> {
    let mut files = Vec::new();
    for row in rows("files") {
        let bytes =
            fs::read(support::data("robustness").join(row["file"].as_str().unwrap())).unwrap();
        let mut plain = Vec::new();
        let inflater = MultiGzDecoder::new(bytes.as_slice());
        let is_gzip = inflater.take(5_000).read_to_end(&mut plain).is_ok();
        if bytes.len() < 5_000 && plain.len() < 5_000 {
            files.push(bytes);
            files.extend(is_gzip.then_some(plain));
        }
    }
    assert!(files.len() > 25, "{}", files.len());
    files
}

/// Reads in every way there is. Any result will do; a panic fails the test.
fn try_all(bytes: &[u8]) {
    let check = |read: Result<NiftiImage, VolumeError>| match read {
        Ok(image) => {
            assert_eq!(image.volume.shape(), image.header.shape);
            assert!(image.volume.affine().iter().all(|value| value.is_finite()));
        }
        Err(error) => assert!(!error.to_string().contains('\n')),
    };
    check(read_nifti(bytes, "mutant"));
    check(read_nifti_pair(bytes, bytes, "mutant"));
}

#[test]
fn no_truncation_panics() {
    for bytes in small_files() {
        for length in (0..bytes.len().min(600)).chain((600..bytes.len()).step_by(97)) {
            try_all(&bytes[..length]);
        }
    }
}

#[test]
fn no_changed_header_byte_panics() {
    for bytes in small_files() {
        let mut mutant = bytes.clone();
        for at in 0..bytes.len().min(552) {
            for value in [0x00, 0x7f, 0x80, 0xff, bytes[at] ^ 1] {
                mutant[at] = value;
                try_all(&mutant);
            }
            mutant[at] = bytes[at];
        }
    }
}

#[test]
fn no_scattered_damage_panics() {
    // A Weyl sequence, mixed: damage that is the same in every run.
    let mut state = 0_u64;
    let mut random = move |below: usize| {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (state ^ (state >> 31)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        (mixed >> 33) as usize % below
    };
    for bytes in small_files() {
        for _ in 0..200 {
            let mut mutant = bytes.clone();
            for _ in 0..1 + random(8) {
                let reach = if random(2) == 0 {
                    mutant.len().min(352)
                } else {
                    mutant.len()
                };
                mutant[random(reach)] = random(256) as u8;
            }
            try_all(&mutant);
        }
    }
}
