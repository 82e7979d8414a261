//! Bytes of a file, inflated when they are gzip.

use std::io::{self, BufRead, Read};

use flate2::bufread::GzDecoder;

const MAGIC: [u8; 2] = [0x1f, 0x8b];

/// Deflate codes at most 258 bytes in two bits.
pub(super) const MAX_RATIO: u64 = 1032;

/// A file as stored or as inflated, told by its first bytes and not by its name.
pub(super) enum Stream<R: BufRead> {
    Plain(R),
    Gzip(Box<Members<R>>),
}

impl<R: BufRead> Stream<R> {
    pub(super) fn open(mut reader: R) -> io::Result<Self> {
        Ok(if reader.fill_buf()?.starts_with(&MAGIC) {
            Self::Gzip(Box::new(Members {
                current: Some(GzDecoder::new(reader)),
            }))
        } else {
            Self::Plain(reader)
        })
    }

    pub(super) fn is_gzip(&self) -> bool {
        matches!(self, Self::Gzip(_))
    }
}

impl<R: BufRead> Read for Stream<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(reader) => reader.read(buffer),
            Self::Gzip(members) => members.read(buffer),
        }
    }
}

/// One gzip member after the other, each checked against its checksum.
///
/// Whatever follows the last member and does not begin like another one is ignored, as `gzip` itself does: tapes and
/// some writers pad with zeros.
pub(super) struct Members<R: BufRead> {
    current: Option<GzDecoder<R>>,
}

impl<R: BufRead> Read for Members<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while let Some(member) = &mut self.current {
            let count = member.read(buffer)?;
            if count > 0 || buffer.is_empty() {
                return Ok(count);
            }
            let Some(rest) = self.current.take().map(GzDecoder::into_inner) else {
                break;
            };
            self.current = next_member(rest)?;
        }
        Ok(0)
    }
}

/// The member that begins here, if one does.
fn next_member<R: BufRead>(rest: R) -> io::Result<Option<GzDecoder<R>>> {
    use io::ErrorKind::{InvalidData, InvalidInput, UnexpectedEof};
    let mut member = GzDecoder::new(rest);
    if member.header().is_some() {
        return Ok(Some(member));
    }
    match member.read(&mut [0]) {
        // The disk's.
        Err(error) if !matches!(error.kind(), InvalidData | InvalidInput | UnexpectedEof) => {
            Err(error)
        }
        _ => Ok(None),
    }
}

/// Reads until `buffer` is full or the stream ends, cut short or not; says how much arrived.
pub(super) fn read_full(stream: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match stream.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => break,
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn inflate(bytes: &[u8]) -> io::Result<Vec<u8>> {
        let mut out = Vec::new();
        Stream::open(bytes)?.read_to_end(&mut out)?;
        Ok(out)
    }

    #[test]
    fn members_follow_each_other_and_padding_is_ignored() {
        let file = [gzip(b"one "), gzip(b""), gzip(b"two"), vec![0; 512]].concat();
        assert_eq!(inflate(&file).unwrap(), b"one two");
        // Bytes that begin like a member, by one, two or three.
        for rest in [
            &b"\x1f"[..],
            b"\x1f and more of it",
            b"\x1f\x8b",
            b"\x1f\x8b\x07 and more of it",
        ] {
            let file = [&gzip(b"one"), rest].concat();
            assert_eq!(inflate(&file).unwrap(), b"one", "{rest:?}");
        }
        assert_eq!(inflate(b"plain").unwrap(), b"plain");
        assert_eq!(inflate(b"").unwrap(), b"");
    }

    #[test]
    fn a_cut_or_changed_member_is_an_error() {
        let file = gzip(&[7; 1000]);
        assert_eq!(
            inflate(&file[..file.len() - 3]).unwrap_err().kind(),
            io::ErrorKind::UnexpectedEof
        );
        let mut wrong = file;
        let checksum = wrong.len() - 8;
        wrong[checksum] ^= 1;
        assert!(inflate(&wrong).is_err());
    }
}
