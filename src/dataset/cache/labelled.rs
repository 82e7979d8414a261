//! The body of a cached image with labels: the image as a volume, its way back, its labels.

use std::io;

use super::body::{BodyReader, BodyWriter};
use super::entry::Entry;
use super::error::EntryError;
use crate::transform::{Geometry, Labelled, Space};
use crate::volume::{Region, Volume};

impl Entry for Labelled {
    const MAGIC: [u8; 8] = *b"HULABELS";

    fn bytes(&self) -> usize {
        size_of_val(self.image.data()) + self.label.len()
    }

    fn write(&self, out: &mut BodyWriter<'_>) -> io::Result<()> {
        let Geometry {
            input,
            resampled,
            crop,
            inside,
            // That of the image.
            prepared: _,
        } = &self.geometry;
        self.image.write(out)?;
        for space in [input, resampled] {
            out.sizes(space.shape)?;
            out.affine(&space.affine)?;
        }
        for region in [crop, inside] {
            out.sizes(region.start)?;
            out.sizes(region.size)?;
        }
        out.put(&self.label)
    }

    fn read(input: &mut BodyReader<'_>) -> Result<Self, EntryError> {
        let image = Volume::read(input)?;
        let [file, resampled] = [space(input)?, space(input)?];
        let [crop, inside] = [region(input)?, region(input)?];
        let label = input.bytes(image.data().len())?;
        let geometry = Geometry {
            input: file,
            resampled,
            crop,
            inside,
            prepared: Space::of(&image),
        };
        Ok(Labelled {
            image,
            label,
            geometry,
        })
    }
}

fn space(input: &mut BodyReader<'_>) -> Result<Space, EntryError> {
    Ok(Space {
        shape: input.sizes()?,
        affine: input.affine()?,
    })
}

fn region(input: &mut BodyReader<'_>) -> Result<Region, EntryError> {
    Ok(Region {
        start: input.sizes()?,
        size: input.sizes()?,
    })
}

#[cfg(test)]
mod tests {
    use super::super::entry::{read, write};
    use super::*;
    use crate::transform::{FinetuneTransform, IntensityWindow};
    use crate::volume::Affine;

    type Outcome = Result<(), Box<dyn std::error::Error>>;

    #[test]
    fn a_labelled_case_reads_back_and_any_damage_is_noticed() -> Outcome {
        let shape = [7, 6, 5];
        let values = |m: usize| (0..210).map(move |n| (n * m % 5) as f32).collect();
        let mut affine = Affine::identity();
        affine[(0, 0)] = -1.3;
        let image = Volume::new(shape, values(3), affine)?;
        let label = Volume::new(shape, values(2), affine)?;
        let transform = FinetuneTransform {
            intensity: IntensityWindow { min: 0.0, max: 4.0 }.into(),
            patch: [9, 4, 4],
            ..FinetuneTransform::default()
        };
        let case = transform.labelled(image, &label)?;
        let mut bytes = Vec::new();
        write(&case, &[3; 32], &mut bytes)?;
        let reread = |bytes: &[u8]| read::<Labelled>(&mut &*bytes, bytes.len() as u64, &[3; 32]);
        assert_eq!(reread(&bytes)?, case);
        for at in (0..bytes.len()).step_by(11) {
            let mut bad = bytes.clone();
            bad[at] ^= 0x20;
            assert!(reread(&bad).is_err(), "byte {at}");
        }
        assert!(reread(&bytes[..bytes.len() - 1]).is_err());
        assert!(read::<Volume>(&mut &*bytes, bytes.len() as u64, &[3; 32]).is_err());
        Ok(())
    }
}
