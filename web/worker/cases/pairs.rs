//! Which label map belongs to which image: a person's word first, then a list's, then the names'.

use super::Cases;
use crate::names::{matched, names_of};
use hounsfield::dataset::{Case, pair_by_name};
use hounsfield::transform::{LabelError, check_grids, check_labels};

/// The largest number of classes a label map can have.
const MOST_CLASSES: usize = 256;

/// What gave an image its label map, or none.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum By {
    Names,
    /// A list of cases, or the maker of a phantom.
    List,
    Person,
}

/// A listed case among those at hand.
pub(crate) struct Found {
    pub(crate) image: Option<usize>,
    pub(crate) label: Option<usize>,
}

/// The name that a file came with: one that was taken got a number before it here. A listed name is taken as it is.
fn given<'n>(name: &'n str, listed: &[impl AsRef<str>]) -> &'n str {
    let numbered = |number: &str| number.parse::<u64>().is_ok_and(|number| number >= 2);
    match name.split_once('/') {
        Some((number, rest))
            if numbered(number) && !listed.iter().any(|listed| listed.as_ref() == name) =>
        {
            rest
        }
        _ => name,
    }
}

impl Cases {
    /// Image and label map of each listed case, by their names.
    pub(crate) fn find(&self, listed: &[&Case]) -> Vec<Found> {
        let [images, labels] = names_of(listed);
        let here = self.images.iter().map(|i| given(&i.name, &images));
        let here: Vec<&str> = here.collect();
        let images = matched(&images, &here);
        let here = self.labels.iter().map(|l| given(&l.name, &labels));
        let here: Vec<&str> = here.collect();
        let mut labels = matched(&labels, &here).into_iter();
        let cases = images.into_iter().zip(listed);
        let found = cases.map(|(image, case)| Found {
            image,
            label: case.label.as_ref().and_then(|_| labels.next().flatten()),
        });
        found.collect()
    }

    /// Gives images the label maps that a list has for them, but for those that a person chose.
    pub(crate) fn pair_listed(&mut self, listed: &[&Case]) {
        for found in self.find(listed) {
            if let (Some(image), Some(label)) = (found.image, found.label) {
                self.settle(image, label);
            }
        }
    }

    fn settle(&mut self, index: usize, label: usize) {
        let Some(image) = self.images.get_mut(index).filter(|i| i.by != By::Person) else {
            return;
        };
        image.by = By::List;
        if image.label != Some(label) {
            self.pair(index, Some(label));
        }
        // Names or an earlier list gave it to another one.
        for (other, image) in self.images.iter_mut().enumerate() {
            if other != index && image.by != By::Person && image.label == Some(label) {
                image.label = None;
            }
        }
    }

    /// Finds label maps for images that have none, by their names; a single image and a single label map need none.
    pub(crate) fn pair_new(&mut self) {
        let used: Vec<Option<usize>> = self.images.iter().map(|image| image.label).collect();
        let alone: Vec<usize> = (0..self.images.len())
            .filter(|i| used[*i].is_none() && self.images[*i].by == By::Names)
            .collect();
        let free: Vec<usize> = (0..self.labels.len())
            .filter(|l| !used.contains(&Some(*l)))
            .collect();
        let images: Vec<&str> = alone
            .iter()
            .map(|i| self.images[*i].name.as_str())
            .collect();
        let labels: Vec<&str> = free.iter().map(|l| self.labels[*l].name.as_str()).collect();
        let files = self.images.iter().filter(|image| !image.phantom).count();
        let phantoms = self.images.len() - files;
        let pairs = match (&alone[..], &free[..]) {
            ([_], [_]) if files == 1 && self.labels.len() == phantoms + 1 => vec![Some(0)],
            _ => pair_by_name(&images, &labels),
        };
        for (image, label) in alone.into_iter().zip(pairs) {
            if let Some(label) = label {
                self.pair(image, Some(free[label]));
            }
        }
    }

    /// Gives an image the label map that was chosen for it, or none.
    pub(crate) fn choose(&mut self, image: usize, label: Option<usize>) {
        self.pair(image, label);
        if let Some(image) = self.images.get_mut(image) {
            image.by = By::Person;
        }
    }

    /// Gives an image a label map, or none; one that does not fit is refused with a reason that stays with the image.
    fn pair(&mut self, index: usize, label: Option<usize>) {
        let problem = label.and_then(|label| self.problem(index, label));
        if let Some(image) = self.images.get_mut(index) {
            image.label = label.filter(|_| problem.is_none());
            image.label_problem = problem;
        }
    }

    fn problem(&self, image: usize, label: usize) -> Option<String> {
        let (Some(image), Some(label)) = (self.images.get(image), self.labels.get(label)) else {
            return Some("there is no such file".to_owned());
        };
        let told = |e: LabelError| format!("{}: {e}", label.name);
        // Of a folder with hundreds of them no voxels are read again, but to say which one holds no label.
        let check = || -> Result<(), String> {
            let (image, grid) = ((image.shape, &image.affine), (label.shape, &label.affine));
            check_grids(image, grid).map_err(told)?;
            if !label.whole {
                let volume = label.read()?;
                check_labels(&volume, &volume, MOST_CLASSES).map_err(told)?;
            }
            Ok(())
        };
        check().err()
    }
}
