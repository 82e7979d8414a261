//! The images and label maps at hand. Files stay as they came; they are read anew whenever their voxels are needed.

mod notices;
mod pairs;
mod taking;
mod values;

use crate::names::file_name;
use crate::protocol::{ImageLine, LabelLine};
use crate::storage::File;
use hounsfield::config::{is_hu, may_be_hu};
use hounsfield::dataset::case_name;
use hounsfield::dataset::phantom::{self, LAST_LABEL, PhantomSpec, abdomen, seed_of};
use hounsfield::volume::{Affine, Datatype, NiftiImage, Volume, encode_nifti, read_nifti};
use pairs::By;
use std::rc::Rc;
use values::{keep_shown, present};

pub(crate) use taking::Added;

/// Bytes of a prepared voxel and its label.
const PREPARED_VOXEL: f64 = 5.0;

#[derive(Clone)]
pub(crate) struct ImageFile {
    pub(crate) name: String,
    pub(crate) bytes: Rc<Vec<u8>>,
    pub(crate) label: Option<usize>,
    shape: [usize; 3],
    spacing: [f64; 3],
    affine: Affine,
    /// The lowest value that can be meant, where there is one.
    pub(crate) lowest: Option<f32>,
    label_problem: Option<String>,
    /// What gave it its label map, or none.
    by: By,
    phantom: bool,
}

#[derive(Clone)]
pub(crate) struct LabelFile {
    pub(crate) name: String,
    pub(crate) bytes: Rc<Vec<u8>>,
    shape: [usize; 3],
    affine: Affine,
    /// Whether all its voxels hold labels.
    whole: bool,
    largest: u8,
    /// Which labels it has.
    present: [bool; 256],
}

/// Everything that was dropped or made, in this order.
#[derive(Clone, Default)]
pub(crate) struct Cases {
    pub(crate) images: Vec<ImageFile>,
    pub(crate) labels: Vec<LabelFile>,
}

impl ImageFile {
    pub(crate) fn read(&self) -> Result<NiftiImage, String> {
        read_nifti(&self.bytes, &self.name).map_err(|e| e.to_string())
    }

    /// Millimetres between voxels.
    pub(crate) fn spacing(&self) -> [f64; 3] {
        self.spacing
    }

    /// Whether it looks like CT.
    pub(crate) fn is_ct(&self) -> bool {
        self.lowest.is_some_and(is_hu)
    }

    /// Whether its values may be HU.
    pub(crate) fn may_be_ct(&self) -> bool {
        self.lowest.is_some_and(may_be_hu)
    }

    /// Millimetres along each axis.
    pub(crate) fn extent(&self) -> [f64; 3] {
        [0, 1, 2].map(|axis| self.shape[axis] as f64 * self.spacing[axis])
    }

    /// The name without folder and ending.
    pub(crate) fn case(&self) -> String {
        case_name(&self.name).to_owned()
    }
}

impl LabelFile {
    fn read(&self) -> Result<Volume, String> {
        let read = read_nifti(&self.bytes, &self.name).map_err(|e| e.to_string())?;
        Ok(read.volume)
    }
}

impl Cases {
    pub(crate) fn image(&self, index: usize) -> Result<&ImageFile, String> {
        let missing = || format!("there is no image {index}");
        self.images.get(index).ok_or_else(missing)
    }

    /// What files about an image are called.
    pub(crate) fn file_name(&self, image: &ImageFile) -> String {
        let all: Vec<&str> = self.images.iter().map(|i| i.name.as_str()).collect();
        file_name(&image.name, &all)
    }

    /// An image with its label map, both read.
    pub(crate) fn labelled(&self, index: usize) -> Result<(String, NiftiImage, Volume), String> {
        let image = self.image(index)?;
        let label = image.label.and_then(|label| self.labels.get(label));
        let label = label.ok_or_else(|| format!("{} has no label map", image.name))?;
        let label = label.read()?;
        Ok((image.case(), image.read()?, label))
    }

    /// Makes the phantom of a seed; gives its index.
    pub(crate) fn add_phantom(&mut self, seed: u64) -> Result<usize, String> {
        let name = phantom::name_of(seed);
        if let Some(index) = self.images.iter().position(|i| i.phantom && i.name == name) {
            return Ok(index);
        }
        let case = abdomen(seed, &PhantomSpec::quickstart()).map_err(|e| e.to_string())?;
        let pack = |volume: &Volume, datatype| {
            let bytes = encode_nifti(volume, datatype, true).map_err(|e| e.to_string())?;
            Ok::<_, String>(Rc::new(bytes))
        };
        self.labels.push(LabelFile {
            name: format!("{name} labels"),
            bytes: pack(&case.label, Datatype::U8)?,
            shape: case.label.shape(),
            affine: *case.label.affine(),
            whole: true,
            largest: LAST_LABEL,
            present: present(&case.label),
        });
        self.images.push(ImageFile {
            bytes: pack(&case.image, Datatype::I16)?,
            name,
            label: Some(self.labels.len() - 1),
            shape: case.image.shape(),
            spacing: case.image.spacing(),
            affine: *case.image.affine(),
            lowest: case.image.lowest(),
            label_problem: None,
            by: By::List,
            phantom: true,
        });
        Ok(self.images.len() - 1)
    }

    /// The seed of an image that was made here.
    pub(crate) fn phantom(&self, image: usize) -> Option<u64> {
        let image = self.images.get(image).filter(|image| image.phantom)?;
        seed_of(&image.name)
    }

    /// Classes, the background included, of the label maps of some images.
    pub(crate) fn classes(&self, images: &[usize]) -> usize {
        let labels = images
            .iter()
            .filter_map(|index| self.labels.get(self.images.get(*index)?.label?));
        // The background and one more, however empty the label maps are.
        labels
            .map(|label| usize::from(label.largest) + 1)
            .fold(2, usize::max)
    }

    /// Image and label map as the viewer takes them: checked, and stored plainly.
    pub(crate) fn shown(&self, index: usize) -> Result<Vec<Vec<u8>>, String> {
        let image = self.image(index)?;
        let mut read = image.read()?;
        keep_shown(&mut read.volume);
        let plain = |volume: &Volume, datatype| {
            encode_nifti(volume, datatype, false).map_err(|e| e.to_string())
        };
        let whole = |value: &f32| value.fract() == 0.0 && value.abs() < 32_768.0;
        let datatype = match read.volume.data().iter().all(whole) {
            true => Datatype::I16,
            false => Datatype::F32,
        };
        let mut buffers = vec![plain(&read.volume, datatype)?];
        // One at a time: together they may fill the memory.
        drop(read);
        if let Some(label) = image.label.and_then(|label| self.labels.get(label)) {
            buffers.push(plain(&label.read()?, Datatype::U8)?);
        }
        Ok(buffers)
    }

    pub(crate) fn lines(&self) -> (Vec<ImageLine>, Vec<LabelLine>) {
        let images = self.images.iter().map(|image| ImageLine {
            name: image.name.clone(),
            shape: image.shape,
            spacing: image.spacing,
            label: image.label,
            label_problem: image.label_problem.clone(),
            phantom: image.phantom,
        });
        let labels = self.labels.iter().map(|label| LabelLine {
            name: label.name.clone(),
            largest: label.largest,
        });
        (images.collect(), labels.collect())
    }

    /// The files of some images and their label maps, for another visit; image and label map alternate.
    pub(crate) fn files(&self, images: &[usize]) -> Vec<File> {
        let mut files = Vec::new();
        for image in images.iter().filter_map(|index| self.images.get(*index)) {
            files.push((image.name.clone(), Rc::clone(&image.bytes)));
            if let Some(label) = image.label.and_then(|label| self.labels.get(label)) {
                files.push((label.name.clone(), Rc::clone(&label.bytes)));
            }
        }
        files
    }

    /// Bytes of all files as they came, and of some cases with their labels prepared on voxels of this size in mm.
    pub(crate) fn held(&self, images: &[usize], spacing: [f64; 3]) -> u64 {
        let files: u64 = self.all().map(|(_, bytes)| bytes.len() as u64).sum();
        let prepared = images.iter().filter_map(|index| self.images.get(*index));
        let prepared: f64 = prepared
            .map(|image| {
                let extent = image.extent();
                (0..3)
                    .map(|axis| (extent[axis] / spacing[axis]).ceil())
                    .product::<f64>()
            })
            .sum();
        files.saturating_add((PREPARED_VOXEL * prepared) as u64)
    }

    /// Names and bytes of all files.
    fn all(&self) -> impl Iterator<Item = (&String, &Rc<Vec<u8>>)> {
        let images = self.images.iter().map(|image| (&image.name, &image.bytes));
        let labels = self.labels.iter().map(|label| (&label.name, &label.bytes));
        images.chain(labels)
    }
}
