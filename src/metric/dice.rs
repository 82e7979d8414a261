//! Overlap of label maps: Dice per class, and the means the original forms of it (specification 9.2).

use super::MetricError;

/// Voxels of one class in two label maps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Overlap {
    /// Voxels that the prediction gives to the class.
    pub prediction: u64,
    /// Voxels that are of the class.
    pub reference: u64,
    /// Voxels where both agree on the class.
    pub both: u64,
}

impl Overlap {
    /// `2 |P and R| / (|P| + |R|)`; `None` where the reference has no voxel, whether or not the prediction has
    /// some (the original's NaN).
    pub fn dice(&self) -> Option<f64> {
        let sum = self.prediction as f64 + self.reference as f64;
        (self.reference > 0).then(|| 2.0 * self.both as f64 / sum)
    }
}

/// Overlaps of all classes, counted piece by piece: a volume may be added slab by slab.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overlaps {
    classes: Vec<Overlap>,
}

impl Overlaps {
    /// No voxels of `classes` classes, the background among them.
    ///
    /// # Errors
    /// [`MetricError::Classes`] for none or more than 256.
    pub fn new(classes: usize) -> Result<Self, MetricError> {
        if !(1..=256).contains(&classes) {
            return Err(MetricError::Classes { classes });
        }
        Ok(Self {
            classes: vec![Overlap::default(); classes],
        })
    }

    /// Counts the voxels of two equally long slices of label maps.
    ///
    /// # Errors
    /// [`MetricError::Shape`] for slices of different lengths, [`MetricError::Label`] for a label without a class;
    /// nothing is counted then.
    pub fn add(&mut self, prediction: &[u8], reference: &[u8]) -> Result<(), MetricError> {
        if prediction.len() != reference.len() {
            return Err(MetricError::Shape {
                shape: [1, 1, prediction.len()],
                prediction: prediction.len(),
                reference: reference.len(),
            });
        }
        let mut counts = [Overlap::default(); 256];
        for (p, r) in prediction.iter().zip(reference) {
            let (p, r) = (usize::from(*p), usize::from(*r));
            counts[p].prediction += 1;
            counts[r].reference += 1;
            counts[r].both += u64::from(p == r);
        }
        let classes = self.classes.len();
        for (label, count) in (0..=u8::MAX).zip(&counts).skip(classes) {
            let what = match (count.prediction, count.reference) {
                (_, 1..) => "reference",
                (1.., 0) => "prediction",
                _ => continue,
            };
            return Err(MetricError::Label {
                what,
                label,
                classes,
            });
        }
        for (sum, count) in self.classes.iter_mut().zip(&counts) {
            sum.prediction += count.prediction;
            sum.reference += count.reference;
            sum.both += count.both;
        }
        Ok(())
    }

    /// The counts by label.
    pub fn classes(&self) -> &[Overlap] {
        &self.classes
    }

    /// Dice by label, the background first; `None` where the reference is empty.
    pub fn dice(&self) -> Vec<Option<f64>> {
        self.classes.iter().map(Overlap::dice).collect()
    }
}

/// The mean of what is counted; `None` when nothing is. Over the classes of a case it is the case's score, over the
/// scores of all cases the original's aggregate.
pub fn mean_of_some(values: impl IntoIterator<Item = Option<f64>>) -> Option<f64> {
    let (mut sum, mut count) = (0.0, 0u64);
    for value in values.into_iter().flatten() {
        sum += value;
        count += 1;
    }
    (count > 0).then(|| sum / count as f64)
}

/// The number the original reports and selects models by: after each case it takes the mean over the cases so far,
/// then the mean of these means. Early cases weigh more: of six cases the first has 0.41 of the weight, the last
/// 0.03. As there, a mean over no counted case is 0. `None` without cases.
pub fn mean_of_running_means(cases: &[Option<f64>]) -> Option<f64> {
    let running = (1..=cases.len()).map(|k| cases.iter().take(k).copied());
    mean_of_some(running.map(|so_far| Some(mean_of_some(so_far).unwrap_or(0.0))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_reference_is_not_counted() {
        let dice = |p, r, both| {
            Overlap {
                prediction: p,
                reference: r,
                both,
            }
            .dice()
        };
        assert_eq!(dice(5, 0, 0), None);
        assert_eq!(dice(0, 0, 0), None);
        assert_eq!(dice(0, 5, 0), Some(0.0));
        assert_eq!(dice(5, 5, 5), Some(1.0));
        assert_eq!(dice(1, 3, 1), Some(0.5));
    }

    #[test]
    fn slabs_add_up_to_the_volume() {
        let p: Vec<u8> = (0..90u8).map(|i| i % 4).collect();
        let r: Vec<u8> = (0..90u8).map(|i| i / 7 % 3).collect();
        let (mut whole, mut parts) = (Overlaps::new(4).unwrap(), Overlaps::new(4).unwrap());
        whole.add(&p, &r).unwrap();
        for (p, r) in p.chunks(7).zip(r.chunks(7)) {
            parts.add(p, r).unwrap();
        }
        assert_eq!(whole, parts);
        assert_eq!(whole.classes().iter().map(|c| c.reference).sum::<u64>(), 90);
    }

    #[test]
    fn a_label_without_a_class_is_named_and_nothing_counted() {
        let mut overlaps = Overlaps::new(3).unwrap();
        let error = overlaps.add(&[0, 1], &[0, 9]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the reference has label 9, but there are 3 classes, 0 to 2: check the class names or relabel the map"
        );
        let error = overlaps.add(&[3, 1], &[0, 0]).unwrap_err();
        assert!(error.to_string().starts_with("the prediction has label 3"));
        assert_eq!(overlaps, Overlaps::new(3).unwrap());
        assert!(overlaps.add(&[0], &[]).is_err());
        assert!(Overlaps::new(0).is_err() && Overlaps::new(257).is_err());
    }

    #[test]
    fn running_means_weigh_early_cases_more() {
        let first = [Some(1.0), Some(0.0), Some(0.0)];
        let mean = mean_of_running_means(&first).unwrap();
        assert!((mean - (1.0 + 0.5 + 1.0 / 3.0) / 3.0).abs() < 1e-15);
        assert_eq!(mean_of_running_means(&[None, Some(1.0)]), Some(0.5));
        assert_eq!(mean_of_running_means(&[]), None);
        assert_eq!(mean_of_some([None, Some(0.5), Some(1.0)]), Some(0.75));
        assert_eq!(mean_of_some([None]), None);
    }
}
