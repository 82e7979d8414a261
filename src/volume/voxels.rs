//! Stored voxels to `f32` in C order.

use std::collections::TryReserveError;

use super::{Datatype, Header, Scaling};

/// Edge of the square that is turned at a time: both its rows and its columns stay in the first cache.
const TILE: usize = 64;

/// Converts the `raw` voxels of `header`, first axis fastest, to real values, last axis fastest.
///
/// Specification 2.1, item 1: integers become `f32` directly, scaled values by way of `f64`. `raw` must hold
/// exactly the bytes of `header.sizes()`.
pub(super) fn decode(raw: Vec<u8>, header: &Header) -> Result<Vec<f32>, TryReserveError> {
    let scaling = header.scaling;
    match header.datatype {
        Datatype::U8 => return bytes(raw, header.shape, |b| real(b.into(), b.into(), scaling)),
        Datatype::I8 => {
            let value = |b: u8| real((b as i8).into(), (b as i8).into(), scaling);
            return bytes(raw, header.shape, value);
        }
        _ => {}
    }
    let mut data = zeros(raw.len() / header.datatype.bytes())?;
    /// One loop for each type; the byte order and the scaling are loop constants.
    macro_rules! turn {
        ($type:ty) => {
            turn(&raw, header.shape, &mut data, |bytes| {
                let value = match header.big_endian {
                    true => <$type>::from_be_bytes(bytes),
                    false => <$type>::from_le_bytes(bytes),
                };
                real(value as f32, value as f64, scaling)
            })
        };
    }
    match header.datatype {
        Datatype::U8 | Datatype::I8 => {}
        Datatype::U16 => turn!(u16),
        Datatype::I16 => turn!(i16),
        Datatype::U32 => turn!(u32),
        Datatype::I32 => turn!(i32),
        Datatype::U64 => turn!(u64),
        Datatype::I64 => turn!(i64),
        Datatype::F32 => turn!(f32),
        Datatype::F64 => turn!(f64),
        Datatype::F128 => turn(&raw, header.shape, &mut data, |bytes| {
            let value = quadruple(match header.big_endian {
                true => u128::from_be_bytes(bytes),
                false => u128::from_le_bytes(bytes),
            });
            real(value as f32, value, scaling)
        }),
    }
    Ok(data)
}

fn real(direct: f32, wide: f64, scaling: Option<Scaling>) -> f32 {
    match scaling {
        None => direct,
        // Like numpy, which leaves out the sum: a scaled 0 keeps its sign.
        Some(Scaling { slope, inter: 0.0 }) => (wide * slope) as f32,
        Some(Scaling { slope, inter }) => (wide * slope + inter) as f32,
    }
}

fn zeros(length: usize) -> Result<Vec<f32>, TryReserveError> {
    let mut data = Vec::new();
    data.try_reserve_exact(length)?;
    data.resize(length, 0.0);
    Ok(data)
}

/// One-byte voxels are turned as bytes and widened in place, from the back: four voxels fill the memory of
/// one value, so that the volume itself is all the memory it takes.
fn bytes(
    raw: Vec<u8>,
    shape: [usize; 3],
    value: impl Fn(u8) -> f32,
) -> Result<Vec<f32>, TryReserveError> {
    let table: [f32; 256] = std::array::from_fn(|byte| value(byte as u8));
    let length = raw.len();
    let packed = length.div_ceil(4);
    let mut data = zeros(packed)?;
    turn(
        &raw,
        shape,
        &mut bytemuck::cast_slice_mut(&mut data)[..length],
        |[byte]| byte,
    );
    drop(raw);
    data.try_reserve_exact(length - packed)?;
    data.resize(length, 0.0);
    for word in (0..packed).rev() {
        let four = data[word].to_ne_bytes();
        for (value, byte) in data[4 * word..].iter_mut().zip(four) {
            *value = table[usize::from(byte)];
        }
    }
    Ok(data)
}

/// Reverses the order of the axes: `raw` has the first of `shape` fastest, `out` the last.
///
/// `raw` holds `N` bytes and `out` one value for each voxel.
pub(super) fn turn<T: Copy + Default, const N: usize>(
    raw: &[u8],
    [n0, n1, n2]: [usize; 3],
    out: &mut [T],
    value: impl Fn([u8; N]) -> T,
) {
    let (voxels, _) = raw.as_chunks::<N>();
    let mut tile = [[T::default(); TILE]; TILE];
    for k0 in (0..n2).step_by(TILE) {
        let depth = TILE.min(n2 - k0);
        for j in 0..n1 {
            for i0 in (0..n0).step_by(TILE) {
                let width = TILE.min(n0 - i0);
                for k in 0..depth {
                    let run = &voxels[((k0 + k) * n1 + j) * n0 + i0..][..width];
                    for (row, bytes) in tile.iter_mut().zip(run) {
                        row[k] = value(*bytes);
                    }
                }
                for (i, row) in tile.iter().enumerate().take(width) {
                    out[((i0 + i) * n1 + j) * n2 + k0..][..depth].copy_from_slice(&row[..depth]);
                }
            }
        }
    }
}

/// IEEE quadruple to double precision. Bits that do not fit leave a mark in the last one, so that the step to
/// `f32` rounds right; magnitudes below the normal doubles become 0.
fn quadruple(bits: u128) -> f64 {
    let sign = ((bits >> 127) as u64) << 63;
    let exponent = ((bits >> 112) & 0x7fff) as i32 - 16383 + 1023;
    let fraction = (bits >> 60) as u64 & ((1 << 52) - 1);
    let lost = bits & ((1 << 60) - 1) != 0;
    f64::from_bits(match exponent {
        ..=0 => sign,
        1..0x7ff => sign | (exponent as u64) << 52 | fraction | u64::from(lost),
        _ if exponent == 0x7fff - 16383 + 1023 && (fraction != 0 || lost) => f64::NAN.to_bits(),
        _ => sign | f64::INFINITY.to_bits(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_voxel_lands_at_its_place() {
        // Sizes below, at and above the edge of a tile, and counts that are no multiple of four.
        for shape in [[1, 1, 1], [3, 2, 1], [64, 1, 65], [65, 2, 63], [130, 3, 67]] {
            let [n0, n1, n2] = shape;
            let stored: Vec<u16> = (0..n0 * n1 * n2).map(|n| (n * 7919) as u16).collect();
            let raw: Vec<u8> = stored
                .iter()
                .flat_map(|value| value.to_le_bytes())
                .collect();
            let mut turned = vec![0_u16; stored.len()];
            turn(&raw, shape, &mut turned, u16::from_le_bytes);
            let narrow: Vec<u8> = stored.iter().map(|value| *value as u8).collect();
            let widened = bytes(narrow, shape, f32::from).unwrap();
            for (n, value) in stored.into_iter().enumerate() {
                let (i, j, k) = (n % n0, n / n0 % n1, n / n0 / n1);
                let at = (i * n1 + j) * n2 + k;
                assert_eq!(turned[at], value, "{shape:?}");
                assert_eq!(widened[at], f32::from(value as u8), "{shape:?}");
            }
        }
    }

    #[test]
    fn quadruple_precision_is_rounded_once() {
        let quad = |sign: u128, exponent: u128, fraction: u128| {
            quadruple(sign << 127 | exponent << 112 | fraction)
        };
        assert_eq!(quad(0, 16383, 0), 1.0);
        assert_eq!(quad(1, 16384, 1 << 111), -3.0);
        assert_eq!(quad(0, 0, 0), 0.0);
        assert_eq!(quad(1, 0x7fff, 0), f64::NEG_INFINITY);
        assert!(quad(0, 0x7fff, 1).is_nan());
        assert_eq!(quad(0, 0x7ffe, 0), f64::INFINITY);
        // Just over half a step of f32: two roundings to nearest would give 1.
        let over_half = quad(0, 16383, (1 << 88) | 1);
        assert_eq!(over_half as f32, 1.0 + f32::EPSILON);
    }
}
