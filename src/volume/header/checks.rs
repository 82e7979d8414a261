//! Checks and repairs of a header's fields, most of them those that nibabel makes on loading.

use super::{LENGTHS, Scaling};
use crate::volume::VolumeError;
use crate::volume::error::times;
use crate::volume::version::{SIZE_1, SIZE_2, Version};

/// Lengths taken for millimetres that are none would be resampled to next to nothing, or beyond all memory. Where the
/// unit is not named, or not by the standard, it is the millimetre, as in every reader.
pub(super) fn check_unit(name: &str, units: u8) -> Result<(), VolumeError> {
    let unit = match units & LENGTHS {
        1 => "metres",
        3 => "micrometres",
        _ => return Ok(()),
    };
    Err(VolumeError::Units {
        name: name.into(),
        unit,
    })
}

/// The first three sizes, if the others are 1. As in the standard's own library, 0 stands for 1 there.
pub(super) fn three_dimensional(name: &str, dim: &[i64]) -> Result<[usize; 3], VolumeError> {
    let mut dim = dim.to_vec();
    for size in dim.iter_mut().skip(3).filter(|size| **size == 0) {
        *size = 1;
    }
    if let Some((n, size)) = dim.iter().enumerate().find(|(_, size)| **size < 1) {
        let problem = format!("dim[{}] is {size}", n + 1);
        return Err(VolumeError::Header {
            name: name.into(),
            problem,
        });
    }
    let axes = 1 + dim.iter().rposition(|&n| n > 1).unwrap_or(0);
    match dim[..] {
        [a, b, c, ..] if axes <= 3 => {
            let size = |n: i64| {
                usize::try_from(n).map_err(|_| VolumeError::TooLarge {
                    name: name.into(),
                    shape: times(&[a, b, c]),
                })
            };
            Ok([size(a)?, size(b)?, size(c)?])
        }
        _ => Err(VolumeError::Dimensions {
            name: name.into(),
            axes: axes.max(dim.len().min(3)),
            shape: times(&dim),
            advice: match (axes, dim.get(3)) {
                (4, Some(frames)) => format!("extract one of its {frames} frames first"),
                (5.., _) => "extract one component first".into(),
                _ => "stack the slices into one volume first".into(),
            },
        }),
    }
}

/// Where the voxels begin. A single file without an offset has them right after the header, as in the
/// standard's own library; nibabel would take the header for voxels.
pub(super) fn voxel_offset(
    name: &str,
    stored: f64,
    version: Version,
    single_file: bool,
) -> Result<u64, VolumeError> {
    let least = match (single_file, version) {
        (false, _) => 0,
        (true, Version::One) => SIZE_1 as u64 + 4,
        (true, Version::Two) => SIZE_2 as u64 + 4,
    };
    // Too large a value saturates, and is then past the end of any file.
    let offset = if stored == 0.0 { least } else { stored as u64 };
    if stored.is_finite() && stored >= 0.0 && offset >= least {
        return Ok(offset);
    }
    let problem = format!("vox_offset is {stored}, not at least {least}");
    Err(VolumeError::Header {
        name: name.into(),
        problem,
    })
}

/// Specification 2.1, item 1.
pub(super) fn scaling(name: &str, slope: f64, inter: f64) -> Result<Option<Scaling>, VolumeError> {
    if slope == 0.0 || !slope.is_finite() {
        return Ok(None);
    }
    if !inter.is_finite() {
        return Err(VolumeError::Scaling {
            name: name.into(),
            slope,
            inter,
        });
    }
    Ok((slope != 1.0 || inter != 0.0).then_some(Scaling { slope, inter }))
}

pub(super) fn repaired(mut pixdim: [f64; 5]) -> [f64; 5] {
    if pixdim[0] != -1.0 {
        pixdim[0] = 1.0;
    }
    for spacing in &mut pixdim[1..4] {
        *spacing = if *spacing == 0.0 { 1.0 } else { spacing.abs() };
    }
    pixdim
}

pub(super) fn form_code(code: i64) -> i16 {
    if (0..=5).contains(&code) {
        code as i16
    } else {
        0
    }
}
