//! What is doubtful about the image of a cached item, kept with it, so that a run that prepares nothing says it too.
//!
//! In a file the doubts come before the body of the item:
//! ```text
//! number    u64
//! doubts    each as the number of its bytes, u64, and its text
//! ```

use std::io;

use super::body::{BodyReader, BodyWriter};
use super::entry::Entry;
use super::error::EntryError;

/// An item and what is doubtful about the image it was made from.
#[derive(Debug)]
pub struct WithDoubts<T> {
    /// The item.
    pub item: T,
    /// Sentences to follow the name of the image's file.
    pub doubts: Vec<String>,
}

impl<T: Entry> Entry for WithDoubts<T> {
    const MAGIC: [u8; 8] = T::MAGIC;

    fn bytes(&self) -> usize {
        self.item.bytes()
    }

    fn write(&self, out: &mut BodyWriter<'_>) -> io::Result<()> {
        out.size(self.doubts.len())?;
        for doubt in &self.doubts {
            out.size(doubt.len())?;
            out.put(doubt.as_bytes())?;
        }
        self.item.write(out)
    }

    fn read(input: &mut BodyReader<'_>) -> Result<Self, EntryError> {
        let mut doubts = Vec::new();
        for _ in 0..input.size()? {
            let length = input.size()?;
            let text = input.bytes(length)?;
            // The hash of the entry vouches for the bytes.
            doubts.push(String::from_utf8_lossy(&text).into_owned());
        }
        let item = T::read(input)?;
        Ok(WithDoubts { item, doubts })
    }
}

#[cfg(test)]
mod tests {
    use super::super::entry::{read, write};
    use super::*;
    use crate::volume::{Affine, Volume};

    #[test]
    fn doubts_read_back_before_their_item_and_any_damage_is_noticed() {
        let item = Volume::new([2, 1, 1], vec![1.0, 2.0], Affine::identity()).unwrap();
        let doubts = vec!["1 of its 2 voxels".to_owned(), String::new()];
        let made = WithDoubts { item, doubts };
        let mut bytes = Vec::new();
        write(&made, &[3; 32], &mut bytes).unwrap();
        let reread =
            |bytes: &[u8]| read::<WithDoubts<Volume>>(&mut &*bytes, bytes.len() as u64, &[3; 32]);
        let found = reread(&bytes).unwrap();
        assert_eq!(
            (found.doubts, found.item),
            (made.doubts.clone(), made.item.clone())
        );
        for at in 0..bytes.len() {
            let mut bad = bytes.clone();
            bad[at] ^= 0x80;
            assert!(reread(&bad).is_err(), "byte {at}");
        }
    }
}
