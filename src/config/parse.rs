//! Values with one number or three.

use std::str::FromStr;

/// `a,b,c` or `axbxc`, or one number for all three.
pub(crate) fn triple<T: FromStr + Copy>(text: &str) -> Option<[T; 3]> {
    let numbers: Vec<T> = text
        .split([',', 'x'])
        .map(|part| part.trim().parse().ok())
        .collect::<Option<_>>()?;
    match numbers[..] {
        [all] => Some([all; 3]),
        [a, b, c] => Some([a, b, c]),
        _ => None,
    }
}

/// `2` or `1.5,1.5,2`, in mm.
#[cfg_attr(
    not(feature = "cli"),
    expect(dead_code, reason = "only flags are parsed")
)]
pub(super) fn spacing(text: &str) -> Result<[f64; 3], String> {
    triple(text).ok_or_else(|| "give one size in mm, or three as 1.5,1.5,2".to_owned())
}

/// `96` or `96,96,64`, in voxels.
#[cfg_attr(
    not(feature = "cli"),
    expect(dead_code, reason = "only flags are parsed")
)]
pub(super) fn size(text: &str) -> Result<[usize; 3], String> {
    triple(text).ok_or_else(|| "give one number of voxels, or three as 96,96,64".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_one_number_or_three() {
        assert_eq!(size("96"), Ok([96; 3]));
        assert_eq!(size("96,64,32"), Ok([96, 64, 32]));
        assert_eq!(spacing("1.5x1.5x2"), Ok([1.5, 1.5, 2.0]));
        assert!(size("96,64").is_err());
        assert!(size("").is_err());
        assert!(size("-3").is_err());
    }
}
