//! Learning rate as a function of the step.

use serde::{Deserialize, Serialize};
use std::f64::consts::PI;

/// Shape of the schedule after warm-up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
#[serde(rename_all = "kebab-case")]
pub enum ScheduleKind {
    /// The base rate throughout.
    Constant,
    /// Half a cosine from the base rate to zero (Loshchilov and Hutter, 2017).
    Cosine,
}

/// Linear warm-up, then constant or cosine.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Schedule {
    /// Rate at the end of warm-up.
    pub base: f64,
    /// Steps of warm-up.
    pub warmup: u64,
    /// Steps of the whole run.
    pub total: u64,
    /// Shape after warm-up.
    pub kind: ScheduleKind,
}

impl Schedule {
    /// Rate of a step counted from 0. The first warm-up step already has a rate above zero.
    pub fn rate(&self, step: u64) -> f64 {
        if step < self.warmup {
            return self.base * (step + 1) as f64 / self.warmup as f64;
        }
        match self.kind {
            ScheduleKind::Constant => self.base,
            ScheduleKind::Cosine => {
                let length = self.total.saturating_sub(self.warmup).max(1);
                let done = (step - self.warmup).min(length) as f64 / length as f64;
                self.base * 0.5 * (1.0 + (PI * done).cos())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn warm_up_rises_to_the_base_rate_and_the_cosine_falls_to_zero() {
        let schedule = Schedule {
            base: 1.0,
            warmup: 4,
            total: 12,
            kind: ScheduleKind::Cosine,
        };
        let rates: Vec<f64> = (0..13).map(|step| schedule.rate(step)).collect();
        assert_eq!(rates[..4], [0.25, 0.5, 0.75, 1.0]);
        assert_eq!(rates[4], 1.0);
        assert!((rates[8] - 0.5).abs() < 1e-12);
        assert!(rates[12].abs() < 1e-12);
        assert!(rates[4..].is_sorted_by(|a, b| a >= b));
    }

    #[test]
    fn a_constant_schedule_never_changes() {
        let schedule = Schedule {
            base: 1e-4,
            warmup: 0,
            total: 10,
            kind: ScheduleKind::Constant,
        };
        assert!((0..20).all(|step| schedule.rate(step) == 1e-4));
    }
}
