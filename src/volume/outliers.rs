//! Values that no scanner measured: what a broken export leaves among the voxels.

/// From here on a value is damage or a filling, whatever its unit.
const ABSURD: f32 = 1e20;
/// Powers of two that no voxel has below the lone values: they are more than 1000 times as large as all others.
const GAP: usize = 11;
/// Lone values are at most one in so many of those that are not 0.
const LONE: usize = 200;
/// The exponents of finite numbers, that of 0 among them.
const EXPONENTS: usize = 255;

/// Finite values of an image that cannot be meant: lone ones far beyond all others, and those of an absurd size.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Outliers {
    /// How many voxels have one.
    pub count: usize,
    /// The one farthest from 0.
    pub farthest: f32,
    /// How far from 0 the other finite values lie at most.
    pub others: f32,
}

impl Outliers {
    /// Those among the values of an image; none where all finite ones can be meant.
    pub fn of(data: &[f32]) -> Option<Self> {
        let limit = limit(data);
        let mut found = Outliers {
            count: 0,
            farthest: 0.0,
            others: 0.0,
        };
        for value in data.iter().filter(|value| value.is_finite()) {
            let size = value.abs();
            if size < limit {
                found.others = found.others.max(size);
                continue;
            }
            found.count += 1;
            if size > found.farthest.abs() {
                found.farthest = *value;
            }
        }
        (found.count > 0).then_some(found)
    }
}

/// The size from which on values cannot be meant. Where sizes go over into each other, as from the background of a PET
/// scan to a bladder, no gap parts them.
fn limit(data: &[f32]) -> f32 {
    let mut voxels = [0_usize; EXPONENTS];
    for size in data.iter().map(|value| value.abs()) {
        // Not so for NaN.
        if size < ABSURD {
            voxels[(size.to_bits() >> 23) as usize] += 1;
        }
    }
    voxels[0] = 0;
    let lone = voxels.iter().sum::<usize>() / LONE;
    let (mut above, mut limit) = (0, ABSURD);
    let mut last: Option<usize> = None;
    for (exponent, count) in voxels.iter().enumerate().rev() {
        if *count == 0 {
            continue;
        }
        if above > lone {
            break;
        }
        if let Some(last) = last
            && last - exponent >= GAP
        {
            limit = f32::from_bits((last as u32) << 23);
        }
        above += count;
        last = Some(exponent);
    }
    limit
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As many values of CT, some of them 0.
    fn scan(count: usize) -> Vec<f32> {
        let values = (0..count).map(|n| (n * 37 % 4096) as f32 - 1024.0);
        values.collect()
    }

    #[test]
    fn lone_values_far_beyond_all_others_are_found() {
        for absurd in [3e38, -3e38, 1e9, -4e7] {
            let mut data = scan(5000);
            (data[7], data[99], data[100]) = (absurd, f32::NAN, f32::INFINITY);
            let expected = Outliers {
                count: 1,
                farthest: absurd,
                others: 3071.0,
            };
            assert_eq!(Outliers::of(&data), Some(expected));
        }
        // Of different sizes.
        let mut data = scan(5000);
        (data[7], data[8], data[9]) = (1e8, -3e38, 1e8);
        let found = Outliers::of(&data).unwrap();
        assert_eq!((found.count, found.farthest), (3, -3e38));
    }

    #[test]
    fn a_filling_of_absurd_size_is_found_however_much_there_is() {
        let mut data = scan(1000);
        data[300..].fill(f32::MIN);
        let found = Outliers::of(&data).unwrap();
        assert_eq!((found.count, found.farthest), (700, f32::MIN));
        let all = Outliers::of(&[f32::MAX; 4]).unwrap();
        assert_eq!((all.count, all.others), (4, 0.0));
    }

    #[test]
    fn what_can_be_meant_is_left_alone() {
        assert_eq!(Outliers::of(&[]), None);
        assert_eq!(Outliers::of(&[0.0, f32::NAN, f32::INFINITY]), None);
        assert_eq!(Outliers::of(&scan(5000)), None);
        // A metal implant.
        let mut metal = scan(5000);
        metal[5] = 30_000.0;
        assert_eq!(Outliers::of(&metal), None);
        // Values that fall off step by step from a small bright spot.
        let spot: Vec<f32> = (0..100_000)
            .map(|n| 1e9 / ((n + 1) as f32).powi(3))
            .collect();
        assert_eq!(Outliers::of(&spot), None);
        // Most voxels have next to nothing in them.
        let mut masked = vec![1e-12; 1000];
        masked[..100].copy_from_slice(&scan(1000)[100..200]);
        assert_eq!(Outliers::of(&masked), None);
        // Too few voxels to tell.
        assert_eq!(Outliers::of(&[1.0, 2.0, 1e9]), None);
    }
}
