//! Settings of a plan that its lists decide, settled once for all runs.

use crate::cli::output::say;
use crate::config::suits::no_hu;
use crate::config::{ExperimentPlan, IntensityMode, PretrainPlan};
use crate::dataset::DataList;
use crate::volume;
use anyhow::ensure;
use std::collections::BTreeSet;

/// Gives fine-tuning the classes of its lists, one a size, and both stages their scale of intensities.
pub(super) fn settle(plan: &mut ExperimentPlan, lists: &[DataList]) -> anyhow::Result<()> {
    if plan.finetune.decoder.classes.is_none() {
        plan.finetune.decoder.classes = lists.first().map(|list| list.classes.len());
    }
    settle_intensity(plan, lists)
}

/// How intensities are scaled. Lists of unlabelled volumes often do not say what made them: in pre-training `auto` means
/// what it means in fine-tuning. An encoder that sees other values there than it learned from is of little use.
fn settle_intensity(plan: &mut ExperimentPlan, lists: &[DataList]) -> anyhow::Result<()> {
    let wanted = plan.finetune.crops.intensity;
    let meant = |list: &DataList| wanted.settled(list.modality.as_deref());
    let modes: BTreeSet<String> = lists.iter().map(|list| meant(list).to_string()).collect();
    ensure!(
        modes.len() < 2,
        "the split files of data.finetune are of different modalities, so that finetune.crops.intensity would mean {}: \
         give them the same \"modality\", or name the intensity in the plan",
        Vec::from_iter(modes).join(" and ")
    );
    let Some(list) = lists.last() else {
        return Ok(());
    };
    let after = meant(list);
    plan.finetune.crops.intensity = after;
    if let Some(PretrainPlan::Run { config, .. }) = &mut plan.pretrain {
        let before = config.sampling.intensity.settled(list.modality.as_deref());
        config.sampling.intensity = before;
        if before != after {
            log::warn!(
                "intensities are scaled by {before} in pre-training and by {after} in fine-tuning: the encoder sees other values than it learned from"
            );
        }
    }
    if wanted == IntensityMode::Auto {
        tell(after, list);
    }
    Ok(())
}

/// Says what was guessed of a list's intensities, and warns where that is HU and the first image does not look like it:
/// the window of CT makes little of other images. One that cannot be read is named with all others later.
fn tell(mode: IntensityMode, list: &DataList) {
    let modality = list.modality.as_deref();
    if let Some(modality) = modality.filter(|name| *name != "CT") {
        let scale = match mode {
            IntensityMode::Percentile => {
                "each volume's own percentiles are its range, not intensity_min and intensity_max"
            }
            _ => "HU in a fixed window",
        };
        say(&format!(
            "intensities: {scale}, for the lists' modality is {modality}"
        ));
    }
    let first = list.training.first().map(|case| case.image.as_path());
    let Some(image) = first.filter(|_| mode == IntensityMode::Range) else {
        return;
    };
    let lowest = volume::read(image).ok().and_then(|volume| volume.lowest());
    if let Some(why) = lowest.and_then(no_hu) {
        let named = match modality {
            Some(modality) => format!("the lists say that their images are {modality}"),
            None => "nothing names the modality, so intensities are scaled as CT in HU".to_owned(),
        };
        log::warn!(
            "{named}, but {} {why}: if it is MR, write \"modality\": {{\"0\": \"MRI\"}} in the split files, or give \
             intensity = \"percentile\" under [finetune.crops] and, where the plan pre-trains, [pretrain.sampling]",
            image.display()
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAN: &str = "name = \"n\"\nsizes = [1, 2]\narms = [\"pretrained\"]\nseeds = [1]\n\
        [data]\npretrain = \"p\"\nfinetune = { 1 = \"a\", 2 = \"b\" }\n";

    fn list(modality: &str, classes: usize) -> DataList {
        DataList {
            modality: Some(modality.to_owned()),
            classes: vec!["organ".to_owned(); classes],
            ..DataList::default()
        }
    }

    #[test]
    fn both_stages_are_scaled_as_the_lists_say_and_every_list_as_the_others() {
        let settled = |text: &str, modalities: [&str; 2]| {
            let mut plan = ExperimentPlan::from_toml(text, "plan.toml").unwrap();
            let lists = modalities.map(|modality| list(modality, 3));
            settle(&mut plan, &lists).map(|()| plan)
        };
        let plan = settled(PLAN, ["MRI", "T1"]).unwrap();
        assert_eq!(plan.finetune.crops.intensity, IntensityMode::Percentile);
        assert_eq!(plan.finetune.decoder.classes, Some(3));
        let Some(PretrainPlan::Run { config, .. }) = &plan.pretrain else {
            panic!("a run of pre-training is planned");
        };
        assert_eq!(config.sampling.intensity, IntensityMode::Percentile);

        let error = settled(PLAN, ["MRI", "CT"]).unwrap_err().to_string();
        assert!(error.contains("percentile and range"), "{error}");
        let named = format!(
            "{PLAN}[finetune.crops]\nintensity = \"zscore\"\n[finetune.decoder]\nclasses = 5\n"
        );
        let plan = settled(&named, ["MRI", "CT"]).unwrap();
        assert_eq!(plan.finetune.crops.intensity, IntensityMode::Zscore);
        assert_eq!(plan.finetune.decoder.classes, Some(5));
    }
}
