//! What is to be said of a training before it begins.

use super::{are_ct, learned, may_be_ct};
use crate::cases::Cases;
use crate::protocol::TrainRequest;
use hounsfield::config::{FinetuneConfig, IntensityMode, StageConfig};

/// What is to be said before fine-tuning with these settings and classes of these names; `model` are the settings of the
/// network that it starts from or resembles, `modality` is what a list says made the images.
pub(crate) fn notices(
    request: &TrainRequest,
    cases: &Cases,
    model: Option<&FinetuneConfig>,
    modality: Option<&str>,
    config: &FinetuneConfig,
    names: &[String],
) -> Vec<String> {
    let sides = config.sides_notice(names).map(|why| {
        format!(
            "{why}: write flip_probability = 0.0 and rotate_probability = 0.0 under [augment] in Advanced."
        )
    });
    let notices = [
        intensity_notice(request, cases, model, modality, config),
        cases.absent_notice(&request.training, names.len()),
        cases.unlabelled_notice(&request.training),
        sides,
        warmup_notice(request, config, config.crops.batch_volumes),
    ];
    notices.into_iter().flatten().collect()
}

/// What is to be said of a warm-up as long as the run. A step learns from `batch` scans.
pub(crate) fn warmup_notice<C: StageConfig>(
    request: &TrainRequest,
    config: &C,
    batch: usize,
) -> Option<String> {
    let steps_per_epoch = steps_per_epoch(request.training.len(), batch);
    let why = config.warmup_notice(config.total_steps(steps_per_epoch))?;
    Some(format!("Note that {why}."))
}

/// Steps that see each of so many volumes once, `batch` at a time.
pub(crate) fn steps_per_epoch(volumes: usize, batch: usize) -> u64 {
    volumes.div_ceil(batch.max(1)) as u64
}

/// What is to be said where a network's scale is not what the scans, or the list that names what made them, suggest.
fn intensity_notice(
    request: &TrainRequest,
    cases: &Cases,
    model: Option<&FinetuneConfig>,
    modality: Option<&str>,
    config: &FinetuneConfig,
) -> Option<String> {
    let crops = &config.crops;
    let known = learned(request, model)?;
    let kept = crops.intensity == known;
    if known == IntensityMode::Range && !kept && !may_be_ct(request, cases, modality) {
        let start = model?;
        return Some(format!(
            "These scans are no CT, so each is scaled by its own values; the network knows values from {} to {}.",
            start.crops.intensity_min, start.crops.intensity_max
        ));
    }
    if let Some(why) = crops.intensity.other_than(known) {
        return Some(format!("The network {why}."));
    }
    match (known, are_ct(request, cases, modality)) {
        (IntensityMode::Range, false) => Some(format!(
            "The network knows values from {} to {} and keeps that range, but these scans do not look like CT: start \
             from nothing, or write intensity = \"percentile\" under [crops] in Advanced.",
            crops.intensity_min, crops.intensity_max
        )),
        (IntensityMode::Percentile | IntensityMode::Zscore, true) => Some(
            "The network knows scans that are scaled by their own values, and goes on so; these look like CT."
                .to_owned(),
        ),
        _ => None,
    }
}
