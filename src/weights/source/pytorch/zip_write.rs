//! A zip archive of stored entries, laid out as PyTorch does: contents start at multiples of 64 bytes.

use super::zip::checksum;

/// Where contents start.
const ALIGNMENT: usize = 64;
/// Id of the padding in a local header, the letters FB as PyTorch has it.
const PADDING: u16 = 0x4246;
/// 1 January 1980: equal weights must be equal files.
const DATE: u16 = 0x21;

/// Writes entries one after the other.
#[derive(Debug, Default)]
pub struct ArchiveWriter {
    file: Vec<u8>,
    directory: Vec<u8>,
    count: u16,
}

impl ArchiveWriter {
    /// One with room for this many bytes of contents; none where memory has not.
    pub fn with_room(bytes: usize) -> Option<Self> {
        let mut file = Vec::new();
        file.try_reserve_exact(bytes).ok()?;
        Some(ArchiveWriter {
            file,
            ..Self::default()
        })
    }

    /// Adds an entry. `None` where the archive would need ZIP64: beyond 4 GiB or 65535 entries.
    pub fn add(&mut self, name: &str, contents: &[u8]) -> Option<()> {
        let offset = u32::try_from(self.file.len()).ok()?;
        let size = u32::try_from(contents.len())
            .ok()
            .filter(|n| *n != u32::MAX)?;
        let name_len = u16::try_from(name.len()).ok()?;
        self.count = self.count.checked_add(1).filter(|n| *n != u16::MAX)?;
        let unpadded = self.file.len() + 30 + name.len() + 4;
        let padding = unpadded.next_multiple_of(ALIGNMENT) - unpadded;
        let padding_len = padding as u16; // below 64

        let mut common = Vec::with_capacity(26);
        for half in [20, 0, 0, 0, DATE] {
            common.extend(half.to_le_bytes()); // version needed, flags, method, time, date
        }
        for word in [checksum(contents), size, size] {
            common.extend(word.to_le_bytes());
        }
        common.extend(name_len.to_le_bytes());

        self.file.extend(b"PK\x03\x04");
        self.file.extend(&common);
        self.file.extend((padding_len + 4).to_le_bytes());
        self.file.extend(name.as_bytes());
        self.file.extend(PADDING.to_le_bytes());
        self.file.extend(padding_len.to_le_bytes());
        self.file.resize(self.file.len() + padding, b'Z');
        self.file.extend(contents);

        self.directory.extend(b"PK\x01\x02");
        self.directory.extend(20u16.to_le_bytes()); // version made by
        self.directory.extend(&common);
        self.directory.extend([0; 12]); // extra, comment, disk, attributes
        self.directory.extend(offset.to_le_bytes());
        self.directory.extend(name.as_bytes());
        Some(())
    }

    /// The archive. `None` as for [`Self::add`].
    pub fn finish(mut self) -> Option<Vec<u8>> {
        let start = u32::try_from(self.file.len())
            .ok()
            .filter(|n| *n != u32::MAX)?;
        let size = u32::try_from(self.directory.len()).ok()?;
        self.file.append(&mut self.directory);
        self.file.extend(b"PK\x05\x06");
        self.file.extend([0; 4]);
        for half in [self.count, self.count] {
            self.file.extend(half.to_le_bytes());
        }
        self.file.extend(size.to_le_bytes());
        self.file.extend(start.to_le_bytes());
        self.file.extend([0; 2]);
        Some(self.file)
    }
}
