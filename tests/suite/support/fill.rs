//! The deterministic fills of specification 16.

use hounsfield::volume::{Affine, Volume};
use hounsfield::weights::{self, Named, ParameterInfo};

/// FNV-1a, 32 bits.
pub(crate) fn hash(name: &str) -> u32 {
    name.bytes().fold(2_166_136_261, |h, byte| {
        (h ^ u32::from(byte)).wrapping_mul(16_777_619)
    })
}

fn mix(mut x: u32) -> u32 {
    x ^= x >> 16;
    x = x.wrapping_mul(0x85eb_ca6b);
    x ^= x >> 13;
    x = x.wrapping_mul(0xc2b2_ae35);
    x ^ x >> 16
}

/// `u(name)[index]`.
pub(crate) fn uniform(name: &str, index: usize) -> f64 {
    let seed = (index as u32)
        .wrapping_mul(2_654_435_761)
        .wrapping_add(hash(name));
    f64::from(mix(seed)) / 4_294_967_296.0
}

/// An input filled over its whole shape.
pub(crate) fn input(name: &str, count: usize) -> Vec<f32> {
    (0..count).map(|i| uniform(name, i) as f32).collect()
}

/// The values of a parameter in the layout of files. Parameters are named as the network names them.
pub(crate) fn parameter(info: &ParameterInfo) -> Vec<f32> {
    let count: usize = info.shape.iter().product();
    let fan = count as f64 / info.shape[0] as f64;
    (0..count)
        .map(|i| {
            let v = 2.0 * uniform(&info.name, i) - 1.0;
            let value =
                if info.name.ends_with("position_embeddings") || info.name.ends_with(".bias") {
                    0.1 * v
                } else if info.shape.len() == 1 {
                    1.0 + 0.1 * v
                } else {
                    v / fan.sqrt()
                };
            value as f32
        })
        .collect()
}

/// A network with the vectors' parameters.
pub(crate) fn network<N: Named>(zeros: N) -> N {
    let values = weights::describe(&zeros)
        .into_iter()
        .map(|info| (info.name.clone(), parameter(&info)))
        .collect();
    weights::fill(zeros, &values).expect("a value for each parameter")
}

/// A voxel of the vectors' volumes: ((7i + 13j + 29k) mod 101) / 101 in `f32`.
pub(crate) fn voxel([i, j, k]: [usize; 3]) -> f32 {
    ((7 * i + 13 * j + 29 * k) % 101) as f32 / 101.0
}

/// The places of a volume's voxels in C order.
pub(crate) fn places([n0, n1, n2]: [usize; 3]) -> impl Iterator<Item = [usize; 3]> {
    (0..n0 * n1 * n2).map(move |n| [n / (n1 * n2), n / n2 % n1, n % n2])
}

/// A volume of the vectors.
pub(crate) fn volume(shape: [usize; 3], affine: Affine) -> Volume {
    let data = places(shape).map(voxel).collect();
    Volume::new(shape, data, affine).expect("length fits the shape")
}
