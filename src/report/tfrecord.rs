//! TFRecord framing and a minimal protocol buffer encoder.
//!
//! A TFRecord is the content's length, a masked CRC-32C of the length, the content and a masked
//! CRC-32C of the content.

/// One TFRecord.
pub(super) fn frame(content: &[u8]) -> Vec<u8> {
    let length = (content.len() as u64).to_le_bytes();
    let mut out = Vec::with_capacity(content.len() + 16);
    out.extend(length);
    out.extend(masked_crc(&length).to_le_bytes());
    out.extend(content);
    out.extend(masked_crc(content).to_le_bytes());
    out
}

/// CRC-32C rotated and shifted by a constant, so that a CRC over data that holds CRCs stays sound.
fn masked_crc(bytes: &[u8]) -> u32 {
    crc32c::crc32c(bytes)
        .rotate_right(15)
        .wrapping_add(0xa282_ead8)
}

/// A protocol buffer message in the making.
#[derive(Default)]
pub(super) struct Message(pub(super) Vec<u8>);

impl Message {
    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }

    fn key(&mut self, field: u64, wire_type: u64) {
        self.varint(field << 3 | wire_type);
    }

    /// A whole number.
    pub(super) fn number(&mut self, field: u64, value: u64) {
        self.key(field, 0);
        self.varint(value);
    }

    /// A `double`.
    pub(super) fn double(&mut self, field: u64, value: f64) {
        self.key(field, 1);
        self.0.extend(value.to_le_bytes());
    }

    /// Bytes, a string or another message.
    pub(super) fn bytes(&mut self, field: u64, value: &[u8]) {
        self.key(field, 2);
        self.varint(value.len() as u64);
        self.0.extend(value);
    }

    /// A `float`.
    pub(super) fn float(&mut self, field: u64, value: f32) {
        self.key(field, 5);
        self.0.extend(value.to_le_bytes());
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    fn take<'a>(bytes: &mut &'a [u8], count: usize) -> Option<&'a [u8]> {
        let (head, tail) = bytes.split_at_checked(count)?;
        *bytes = tail;
        Some(head)
    }

    /// The contents of all records, with both checksums checked.
    pub(in crate::report) fn records(mut bytes: &[u8]) -> Option<Vec<&[u8]>> {
        let mut out = Vec::new();
        while !bytes.is_empty() {
            let length = take(&mut bytes, 8)?;
            assert_eq!(take(&mut bytes, 4)?, masked_crc(length).to_le_bytes());
            let content = take(
                &mut bytes,
                u64::from_le_bytes(length.try_into().ok()?) as usize,
            )?;
            assert_eq!(take(&mut bytes, 4)?, masked_crc(content).to_le_bytes());
            out.push(content);
        }
        Some(out)
    }

    fn varint(bytes: &mut &[u8]) -> Option<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = *take(bytes, 1)?.first()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                break;
            }
        }
        Some(value)
    }

    /// Field numbers and raw contents of a message; numbers as 8 bytes.
    pub(in crate::report) fn fields(mut bytes: &[u8]) -> Option<Vec<(u64, Vec<u8>)>> {
        let mut out = Vec::new();
        while !bytes.is_empty() {
            let key = varint(&mut bytes)?;
            let content = match key & 7 {
                0 => varint(&mut bytes)?.to_le_bytes().to_vec(),
                1 => take(&mut bytes, 8)?.to_vec(),
                2 => {
                    let length = varint(&mut bytes)? as usize;
                    take(&mut bytes, length)?.to_vec()
                }
                _ => take(&mut bytes, 4)?.to_vec(),
            };
            out.push((key >> 3, content));
        }
        Some(out)
    }

    pub(in crate::report) fn field(message: &[u8], number: u64) -> Option<Vec<u8>> {
        let all = fields(message)?;
        all.into_iter()
            .find(|(n, _)| *n == number)
            .map(|(_, content)| content)
    }

    #[test]
    fn checksums_have_their_published_values() {
        assert_eq!(crc32c::crc32c(b"123456789"), 0xE306_9283);
        // RFC 3720, appendix B.4: 32 bytes of zeros.
        assert_eq!(crc32c::crc32c(&[0; 32]), 0x8A91_36AA);
        assert_eq!(
            masked_crc(&[0; 32]),
            0x8A91_36AA_u32.rotate_right(15).wrapping_add(0xa282_ead8)
        );
    }

    #[test]
    fn numbers_take_seven_bits_a_byte() {
        let mut message = Message::default();
        message.number(2, 300);
        // The example of the protocol buffer documentation is field 1 = 150: 08 96 01.
        message.number(1, 150);
        assert_eq!(message.0, [0x10, 0xac, 0x02, 0x08, 0x96, 0x01]);
    }
}
