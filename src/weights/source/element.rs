//! Element types of stored tensors and their way to f32.

/// Type of a stored number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ElementType {
    /// IEEE double precision.
    F64,
    /// IEEE single precision.
    F32,
    /// IEEE half precision.
    F16,
    /// The upper half of a single.
    Bf16,
    /// An integer or truth value of this many bytes, which no weight is.
    Integer(usize),
    /// Complex, quantised or 8-bit numbers of this many bytes (0: not known), which no weight here is.
    Other(usize),
}

impl ElementType {
    /// Bytes of one number; 0 where it is not known.
    pub fn size(self) -> usize {
        match self {
            ElementType::F64 => 8,
            ElementType::F32 => 4,
            ElementType::F16 | ElementType::Bf16 => 2,
            ElementType::Integer(size) | ElementType::Other(size) => size,
        }
    }

    /// Whether values of this type can be weights.
    pub fn is_float(self) -> bool {
        !matches!(self, ElementType::Integer(_) | ElementType::Other(_))
    }

    /// One number from its bytes in little-endian order; 0 where the type is no float or a byte is missing.
    fn value(self, bytes: [u8; 8]) -> f32 {
        let [a, b, c, d, ..] = bytes;
        match self {
            ElementType::F64 => f64::from_le_bytes(bytes) as f32,
            ElementType::F32 => f32::from_le_bytes([a, b, c, d]),
            ElementType::F16 => from_half(u16::from_le_bytes([a, b])),
            ElementType::Bf16 => f32::from_bits(u32::from(u16::from_le_bytes([a, b])) << 16),
            ElementType::Integer(_) | ElementType::Other(_) => 0.0,
        }
    }

    /// Appends the numbers in these bytes to `out`.
    pub(super) fn decode(self, bytes: &[u8], big_endian: bool, out: &mut Vec<f32>) {
        let size = self.size();
        match (self, big_endian) {
            (ElementType::Integer(_) | ElementType::Other(_), _) => {}
            (ElementType::F32, false) => out.extend(
                bytes
                    .chunks_exact(4)
                    .map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])),
            ),
            _ => out.extend(bytes.chunks_exact(size).map(|chunk| {
                let mut number = [0; 8];
                number[..size].copy_from_slice(chunk);
                if big_endian {
                    number[..size].reverse();
                }
                self.value(number)
            })),
        }
    }
}

/// IEEE half precision to single, exactly.
fn from_half(bits: u16) -> f32 {
    let sign = u32::from(bits >> 15) << 31;
    let exponent = u32::from(bits >> 10) & 0x1f;
    let fraction = u32::from(bits & 0x3ff);
    match exponent {
        // Zero and subnormal numbers: multiples of 2^-24.
        0 => {
            let magnitude = fraction as f32 * f32::from_bits((127 - 24) << 23);
            f32::from_bits(magnitude.to_bits() | sign)
        }
        0x1f => f32::from_bits(sign | 0x7f80_0000 | fraction << 13),
        _ => f32::from_bits(sign | (exponent + 127 - 15) << 23 | fraction << 13),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_of_every_kind_become_singles() {
        for (bits, value) in [
            (0x0000, 0.0),
            (0x3c00, 1.0),
            (0xc000, -2.0),
            (0x7bff, 65504.0),
            (0x0001, 2f32.powi(-24)),
            (0x83ff, -1023.0 * 2f32.powi(-24)),
            (0x0400, 2f32.powi(-14)),
            (0x3555, 0.333_251_95),
            (0xfc00, f32::NEG_INFINITY),
        ] {
            assert_eq!(from_half(bits), value, "{bits:#06x}");
        }
        assert!(from_half(0x8000).is_sign_negative());
        assert!(from_half(0x7e00).is_nan());
    }

    #[test]
    fn both_byte_orders_give_the_same_numbers() {
        let value = -1.5f64;
        let mut little = Vec::new();
        ElementType::F64.decode(&value.to_le_bytes(), false, &mut little);
        let mut big = Vec::new();
        ElementType::F64.decode(&value.to_be_bytes(), true, &mut big);
        assert_eq!((little, big), (vec![-1.5], vec![-1.5]));
        let mut brain = Vec::new();
        ElementType::Bf16.decode(&[0x3f, 0xc0], true, &mut brain);
        assert_eq!(brain, [1.5]);
    }
}
