//! From input values to the network's (specification 2.5): a fixed window as the
//! original has it, or one that every volume sets itself, for scanners without a common scale.

use super::TransformError;
use super::foreground::Background;
use crate::volume::Volume;

/// The share of the foreground's values below and above the window of [`Intensity::Percentile`].
const TAIL: f64 = 0.005;
/// Values looked at for the percentiles; larger volumes are looked at in even steps.
const MOST_RANKED: usize = 1 << 24;

/// The range of input values (Hounsfield units for CT) that is mapped to `[0, 1]`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct IntensityWindow {
    /// The value that becomes 0.
    pub min: f32,
    /// The value that becomes 1.
    pub max: f32,
}

impl IntensityWindow {
    /// Checks that the window is finite and not empty.
    ///
    /// # Errors
    /// [`TransformError::InvalidWindow`].
    pub fn validate(&self) -> Result<(), TransformError> {
        if self.width().is_finite() && self.min < self.max {
            Ok(())
        } else {
            Err(TransformError::InvalidWindow {
                min: self.min,
                max: self.max,
            })
        }
    }

    /// Maps every value to `[0, 1]`; values outside the window are clipped, NaN becomes 0.
    fn scale(&self, values: &mut [f32]) {
        let (min, width) = (self.min, self.width());
        for value in values {
            let scaled = (*value - min) / width;
            *value = if scaled > 0.0 { scaled.min(1.0) } else { 0.0 };
        }
    }

    fn width(&self) -> f32 {
        (f64::from(self.max) - f64::from(self.min)) as f32
    }
}

/// Maps the values of `v` from `window` to `[0, 1]`, with a true division in `f32`. Values outside
/// the window are clipped. NaN becomes 0, which differs from the specification's reference (it
/// lets NaN through, and one such voxel ends a training run).
pub fn scale_intensity(v: &mut Volume, window: IntensityWindow) {
    window.scale(v.data_mut());
}

/// How input values become the network's.
///
/// The statistics of a volume are those of its foreground as read, before any resampling: the
/// finite values that are not 0, without [`Outliers`](crate::volume::Outliers).
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Intensity {
    /// A fixed window to `[0, 1]`, clipped: exact to the original, for CT.
    Range(IntensityWindow),
    /// Mean 0 and standard deviation 1 over the foreground, not clipped; 0 stays 0, outliers become 0.
    Zscore,
    /// From the 0.5th to the 99.5th percentile of the foreground to `[0, 1]`, clipped.
    Percentile,
}

impl From<IntensityWindow> for Intensity {
    fn from(window: IntensityWindow) -> Self {
        Self::Range(window)
    }
}

impl Intensity {
    /// Checks the parameters, before any volume is read.
    ///
    /// # Errors
    /// [`TransformError::InvalidWindow`].
    pub fn validate(&self) -> Result<(), TransformError> {
        match self {
            Self::Range(window) => window.validate(),
            Self::Zscore | Self::Percentile => Ok(()),
        }
    }

    /// Prepared values above this count as foreground where background crops are drawn (section
    /// 4.1). Values of [`Intensity::Zscore`] have no end that means air, so all count there.
    pub fn foreground_threshold(&self) -> f32 {
        match self {
            Self::Range(_) | Self::Percentile => 0.0,
            Self::Zscore => f32::NEG_INFINITY,
        }
    }

    /// What is done to the values of `v`.
    pub(super) fn mapping(&self, v: &Volume) -> Result<Mapping, TransformError> {
        match self {
            Self::Range(window) => Ok(Mapping::Window(*window)),
            Self::Zscore => standard(v),
            Self::Percentile => percentiles(v),
        }
    }
}

/// An [`Intensity`] with the numbers of one volume.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Mapping {
    Window(IntensityWindow),
    Standard {
        mean: f32,
        deviation: f32,
        /// How far from 0 an input value may lie: resampling leaves much of an outlier beside it.
        limit: f32,
    },
}

impl Mapping {
    /// Maps values; NaN becomes 0.
    pub(super) fn scale(&self, values: &mut [f32]) {
        match *self {
            Self::Window(window) => window.scale(values),
            Self::Standard {
                mean,
                deviation,
                limit,
            } => {
                for value in values {
                    let scaled = (*value - mean) / deviation;
                    let keep = (*value != 0.0) & (value.abs() <= limit) & scaled.is_finite();
                    *value = if keep { scaled } else { 0.0 };
                }
            }
        }
    }

    /// The input values that are no foreground.
    pub(super) fn background(&self) -> Background {
        match self {
            Self::Window(window) => Background::up_to(window.min),
            Self::Standard { .. } => Background::zero(),
        }
    }

    /// The mapped values that are no foreground.
    pub(super) fn mapped_background(&self) -> Background {
        match self {
            Self::Window(_) => Background::up_to(0.0),
            Self::Standard { .. } => Background::zero(),
        }
    }

    /// The error for a volume without foreground.
    pub(super) fn nothing(&self) -> TransformError {
        match self {
            Self::Window(window) => TransformError::NoForeground { min: window.min },
            Self::Standard { .. } => TransformError::Blank,
        }
    }
}

fn foreground(v: &Volume, limit: f32) -> impl Iterator<Item = f32> {
    let counts = move |x: &f32| x.is_finite() && *x != 0.0 && x.abs() <= limit;
    v.data().iter().copied().filter(counts)
}

/// Why a volume has no value that counts. Values beyond `f32` were read as infinite.
fn without_foreground(v: &Volume, limit: f32) -> TransformError {
    let too_large = |x: &&f32| x.is_infinite() || x.abs() > limit;
    match v.data().iter().filter(too_large).count() {
        0 => TransformError::Blank,
        count => TransformError::Infinite { count },
    }
}

fn standard(v: &Volume) -> Result<Mapping, TransformError> {
    let limit = v.reach();
    let values = || foreground(v, limit).map(f64::from);
    let (count, sum) = values().fold((0usize, 0.0), |(n, s), x| (n + 1, s + x));
    if count == 0 {
        return Err(without_foreground(v, limit));
    }
    let mean = sum / count as f64;
    let squares: f64 = values().map(|x| (x - mean).powi(2)).sum();
    let (mean, deviation) = (mean as f32, (squares / count as f64).sqrt() as f32);
    if deviation > 0.0 {
        Ok(Mapping::Standard {
            mean,
            deviation,
            limit,
        })
    } else {
        Err(TransformError::Flat { value: mean })
    }
}

/// Percentiles as numpy has them: between two ranks in proportion.
fn percentiles(v: &Volume) -> Result<Mapping, TransformError> {
    let limit = v.reach();
    let step = v.data().len().div_ceil(MOST_RANKED).max(1);
    let mut values: Vec<f32> = foreground(v, limit).step_by(step).collect();
    let last = values.len().checked_sub(1);
    let last = last.ok_or_else(|| without_foreground(v, limit))?;
    let mut percentile = |share: f64| {
        let rank = share * last as f64;
        let (_, low, above) = values.select_nth_unstable_by(rank as usize, f32::total_cmp);
        let low = f64::from(*low);
        let high = above.iter().copied().min_by(f32::total_cmp);
        let high = high.map_or(low, f64::from);
        (low + (high - low) * rank.fract()) as f32
    };
    let window = IntensityWindow {
        min: percentile(TAIL),
        max: percentile(1.0 - TAIL),
    };
    match window.validate() {
        Ok(()) => Ok(Mapping::Window(window)),
        Err(_) => Err(TransformError::Flat { value: window.min }),
    }
}

/// The window of [`Intensity::Percentile`] for a volume, where its values make one.
pub fn own_window(v: &Volume) -> Option<IntensityWindow> {
    match percentiles(v) {
        Ok(Mapping::Window(window)) => Some(window),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
