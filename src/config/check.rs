//! Checks of single settings, shared by the sections.

use crate::config::{DataConfig, NetworkConfig, OptimizerConfig, RunConfig, SettingsError};

// More of these is a slip of the keyboard: a run would end late, for want of memory, threads or time, in words that say
// less.

/// Crops of a step, which are in memory at once: of 32^3 voxels 8 GiB.
const MOST_CROPS: usize = 65_536;
/// Phantoms, which are all made and kept in memory before the first step.
pub(crate) const MOST_PHANTOMS: usize = 100_000;
/// Threads that prepare data, of which a system gives a process some thousands.
const MOST_WORKERS: usize = 1024;
/// Blocks of the transformer, each a dozen tensors; the original has 12.
const MOST_LAYERS: usize = 1000;

/// Values above zero.
pub(super) fn positive<const N: usize>(
    values: [(&'static str, f64); N],
) -> Result<(), SettingsError> {
    values.into_iter().try_for_each(|(name, value)| {
        if value.is_finite() && value > 0.0 {
            Ok(())
        } else {
            Err(SettingsError::NotPositive { name, value })
        }
    })
}

/// Values of zero or more.
pub(crate) fn not_negative<const N: usize>(
    values: [(&'static str, f64); N],
) -> Result<(), SettingsError> {
    values.into_iter().try_for_each(|(name, value)| {
        if value.is_finite() && value >= 0.0 {
            Ok(())
        } else {
            Err(SettingsError::Negative { name, value })
        }
    })
}

/// Numbers that the network is computed with, which is in f32: they must be finite there, and not zero unless they are.
pub(super) fn in_f32<const N: usize>(
    values: [(&'static str, f64); N],
) -> Result<(), SettingsError> {
    values.into_iter().try_for_each(|(name, value)| {
        let rounded = value as f32;
        if rounded.is_finite() && (rounded != 0.0 || value == 0.0) {
            Ok(())
        } else {
            Err(SettingsError::BeyondF32 { name, value })
        }
    })
}

/// Counts with a largest value.
pub(super) fn at_most<const N: usize>(
    values: [(&'static str, usize, usize); N],
) -> Result<(), SettingsError> {
    values.into_iter().try_for_each(|(name, value, most)| {
        if value <= most {
            Ok(())
        } else {
            Err(SettingsError::TooLarge { name, value, most })
        }
    })
}

/// Numbers that a settings file can hold: TOML's integers have a sign.
pub(super) fn writable<const N: usize>(
    values: [(&'static str, u64); N],
) -> Result<(), SettingsError> {
    let saturated = |value: u64| usize::try_from(value).unwrap_or(usize::MAX);
    let most = i64::MAX.unsigned_abs();
    match values.into_iter().find(|(_, value)| *value > most) {
        None => Ok(()),
        Some((name, value)) => Err(SettingsError::TooLarge {
            name,
            value: saturated(value),
            most: saturated(most),
        }),
    }
}

/// A share from 0 to below 1.
pub(crate) fn share(name: &'static str, value: f64) -> Result<(), SettingsError> {
    match (0.0..1.0).contains(&value) {
        true => Ok(()),
        false => Err(SettingsError::Share { name, value }),
    }
}

/// How volumes become the crops of a step: voxel sizes in mm, volumes and crops from each, parts of a step, and the
/// ends of the intensity window.
pub(super) fn crops(
    spacing: [f64; 3],
    [batch_volumes, samples_per_volume]: [usize; 2],
    accumulation: usize,
    [low, high]: [f32; 2],
) -> Result<(), SettingsError> {
    positive(spacing.map(|size| ("spacing", size)))?;
    positive([
        ("batch_volumes", batch_volumes as f64),
        ("samples_per_volume", samples_per_volume as f64),
        ("accumulation", accumulation as f64),
    ])?;
    writable([("accumulation", accumulation as u64)])?;
    at_most([(
        "batch_volumes times samples_per_volume",
        batch_volumes.saturating_mul(samples_per_volume),
        MOST_CROPS,
    )])?;
    window(low, high)
}

/// An intensity window that is not empty.
fn window(low: f32, high: f32) -> Result<(), SettingsError> {
    if low.is_finite() && high.is_finite() && low < high {
        Ok(())
    } else {
        Err(SettingsError::Window { low, high })
    }
}

impl DataConfig {
    pub(super) fn check(&self) -> Result<(), SettingsError> {
        positive([
            ("limit", self.limit.unwrap_or(1) as f64),
            ("phantoms", self.phantoms as f64),
        ])?;
        writable([
            ("cache_memory", self.cache_memory),
            ("limit", self.limit.unwrap_or(1) as u64),
        ])?;
        at_most([
            ("phantoms", self.phantoms, MOST_PHANTOMS),
            ("workers", self.workers, MOST_WORKERS),
        ])
    }
}

impl NetworkConfig {
    /// What the sizes alone do not refuse, see [`crate::nn::VitConfig::validate`].
    pub(super) fn check(&self) -> Result<(), SettingsError> {
        at_most([("layers", self.layers, MOST_LAYERS)])
    }
}

impl OptimizerConfig {
    pub(super) fn check(&self) -> Result<(), SettingsError> {
        positive([
            ("learning_rate", self.learning_rate),
            ("encoder_rate", self.encoder_rate),
            ("head_rate", self.head_rate),
        ])?;
        not_negative([
            ("weight_decay", self.weight_decay),
            ("clip_norm", self.clip_norm),
        ])?;
        // A share below one makes no rate larger.
        let multiple = self.encoder_rate.max(self.head_rate).max(1.0);
        in_f32([
            ("learning_rate", self.learning_rate),
            (
                "learning_rate times encoder_rate or head_rate",
                self.learning_rate * multiple,
            ),
            ("weight_decay", self.weight_decay),
            ("clip_norm", self.clip_norm),
        ])?;
        writable([("warmup_steps", self.warmup_steps)])?;
        share("ema_decay", self.ema_decay)
    }
}

impl RunConfig {
    pub(super) fn check(&self) -> Result<(), SettingsError> {
        positive([
            ("epochs", self.epochs.unwrap_or(1) as f64),
            ("validation_interval", self.validation_interval as f64),
            ("max_steps", self.max_steps.unwrap_or(1) as f64),
        ])?;
        writable([
            ("seed", self.seed),
            ("epochs", self.epochs.unwrap_or(1)),
            ("max_steps", self.max_steps.unwrap_or(1)),
            ("validation_interval", self.validation_interval),
            ("validation_steps", self.validation_steps),
            ("log_every", self.log_every),
            ("max_skipped", self.max_skipped),
        ])?;
        not_negative([("checkpoint_minutes", self.checkpoint_minutes)])?;
        if self.epochs.is_none() && self.max_steps.is_none() {
            return Err(SettingsError::NoEnd);
        }
        Ok(())
    }
}
