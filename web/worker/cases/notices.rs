//! What is to be said of the labels of images.

use super::Cases;
use super::values::absent_notice;
use hounsfield::dataset::ClassNotice;

impl Cases {
    /// What is to be said where the label maps of some images lack some of so many classes.
    pub(crate) fn absent_notice(&self, images: &[usize], classes: usize) -> Option<String> {
        let mut all = [false; 256];
        for label in images
            .iter()
            .filter_map(|index| self.images.get(*index)?.label)
        {
            let label = self.labels.get(label)?;
            for (all, one) in all.iter_mut().zip(label.present) {
                *all |= one;
            }
        }
        absent_notice(&all, classes)
    }

    /// What is to be said where label maps of some images hold nothing.
    pub(crate) fn unlabelled_notice(&self, images: &[usize]) -> Option<String> {
        let mut empty = images.iter().filter_map(|index| {
            let image = self.images.get(*index)?;
            let label = self.labels.get(image.label?)?;
            (label.largest == 0).then(|| image.case())
        });
        let notice = ClassNotice::Unlabelled {
            name: empty.next()?,
        };
        Some(match empty.count() {
            0 => format!("{notice}."),
            more => format!("{notice}, and so do those of {more} more."),
        })
    }
}
