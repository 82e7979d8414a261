//! What a plan that can be read may still have wrong.

use super::file::File;
use crate::config::check::writable;
use crate::config::{ExperimentPlan, PretrainPlan};
use crate::metric::Bootstrap;
use crate::nn::{Restoration, VitConfig};
use std::collections::BTreeSet;
use std::fmt;

/// More resamples tell nothing more, and their values are kept in memory.
const MOST_RESAMPLES: usize = 10_000_000;

/// Sizes, arms and seeds are there, each once, with the files of the sizes; scoring and bootstrap can work.
pub(super) fn check_lists(file: &File) -> Result<(), String> {
    fn check<T: Ord + fmt::Debug>(name: &str, values: &[T]) -> Result<(), String> {
        if values.is_empty() {
            return Err(format!("{name} is empty: give at least one"));
        }
        let mut seen = BTreeSet::new();
        match values.iter().find(|value| !seen.insert(*value)) {
            Some(twice) => Err(format!("{name} holds {twice:?} twice")),
            None => Ok(()),
        }
    }
    check("sizes", &file.sizes)?;
    check("arms", &file.arms)?;
    check("seeds", &file.seeds)?;
    for seed in &file.seeds {
        // The settings of a run cannot be saved with a larger one.
        writable([("one of seeds", *seed)]).map_err(|e| e.to_string())?;
    }
    for size in &file.sizes {
        if !file.data.finetune.contains_key(&size.to_string()) {
            return Err(format!(
                "data.finetune names no split file for {size} of sizes: give {size} = \"FILE\""
            ));
        }
    }
    let known = |key: &&String| file.sizes.iter().any(|size| size.to_string() == **key);
    if let Some(key) = file.data.finetune.keys().find(|key| !known(key)) {
        return Err(format!("data.finetune.{key} is not one of sizes"));
    }
    file.scoring.check().map_err(|e| e.to_string())?;
    check_bootstrap(file.bootstrap)
}

/// An interval has a resample beyond each of its ends. With fewer it would be hardly less than their range, and with one
/// it would have no width.
fn check_bootstrap(bootstrap: Bootstrap) -> Result<(), String> {
    let Bootstrap {
        resamples, level, ..
    } = bootstrap;
    if !(level > 0.0 && level < 1.0) {
        return Err(format!(
            "bootstrap.level is {level}: give one between 0 and 1"
        ));
    }
    // Without the rounding of a level such as 0.9.
    let least = (2.0 / (1.0 - level) - 1e-6).ceil() as usize;
    if least > MOST_RESAMPLES {
        return Err(format!(
            "bootstrap.level is {level}: {MOST_RESAMPLES} resamples, the most there may be, are too few for it, so give a lower one"
        ));
    }
    match (least..=MOST_RESAMPLES).contains(&resamples) {
        true => Ok(()),
        false => Err(format!(
            "bootstrap.resamples is {resamples}: give {least} to {MOST_RESAMPLES}; with fewer than {least} none lies beyond each end of an interval of level {level}"
        )),
    }
}

/// A setting of pre-training and of fine-tuning.
fn number(name: &str, before: usize, after: usize) -> (&str, String, String) {
    (name, before.to_string(), after.to_string())
}

impl ExperimentPlan {
    /// Pre-training and fine-tuning must be of the same encoder, and of the same decoder where that is trained too.
    pub(super) fn check_encoders(&self) -> Result<(), String> {
        let Some(PretrainPlan::Run { config, .. }) = &self.pretrain else {
            return Ok(());
        };
        let (before, mut after) = (config.vit(), self.finetune.unetr().vit);
        if self.finetune.start.resize_positions {
            after.image_size = before.image_size;
        }
        let [size, wanted] = [
            config.decoder.feature_size,
            self.finetune.decoder.feature_size,
        ];
        if config.decoder.restoration == Restoration::Unetr && size != wanted {
            return Err(format!(
                "[pretrain] and [finetune] are of different decoders, with feature sizes {size} and {wanted}: give both the same decoder.feature_size"
            ));
        }
        if before == after {
            return Ok(());
        }
        let size = |vit: &VitConfig| vit.image_size.map(|n| n.to_string()).join(" x ");
        let settings = [
            ("roi_size", size(&before), size(&after)),
            number("patch_size", before.patch_size, after.patch_size),
            number("hidden_size", before.hidden_size, after.hidden_size),
            number("mlp_dim", before.mlp_dim, after.mlp_dim),
            number("layers", before.layers, after.layers),
            number("heads", before.heads, after.heads),
        ];
        let differing = settings.into_iter().filter(|(_, one, other)| one != other);
        let told = differing.map(|(name, one, other)| format!("{name} is {one} and {other}"));
        Err(format!(
            "[pretrain] and [finetune] are of different encoders: {}; give both the same [network] and roi_size (or start.resize_positions)",
            Vec::from_iter(told).join(", ")
        ))
    }
}
