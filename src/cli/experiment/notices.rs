//! What is seldom meant in a plan and its lists, told before anything is trained and in the plan's words: `pretrain` and
//! `finetune` find it when the first run of theirs begins, and name flags that `experiment` does not have.

use crate::cli::experiment::seen::pretraining_list;
use crate::cli::output::take_for_said;
use crate::config::suits::counted;
use crate::config::{ExperimentPlan, PretrainPlan};
use crate::dataset::DataList;

/// How the warning of `pretrain` begins that a step holds too few crops.
const NO_OTHER_CROP: &str = "a part of a step holds one crop";

/// Warns of what is seldom meant. The plan is settled, and the lists are its own, one a size.
pub(super) fn warn(plan: &ExperimentPlan, lists: &[DataList]) {
    let config = &plan.finetune;
    for list in lists {
        if let Some(why) = config.sides_notice(&list.classes) {
            log::warn!(
                "{why}: give flip_probability = 0.0 and rotate_probability = 0.0 under [finetune.augment]"
            );
            take_for_said(&why);
        }
        if let Some(why) = config.surplus_classes(list) {
            let named = list.classes.len();
            log::warn!(
                "finetune.decoder.classes is {}, and the lists name {}: left out, it is {named}",
                config.unetr().classes,
                counted(named, &list.classes)
            );
            take_for_said(&why);
        }
        if let Some(why) = config.contrary_intensity(list) {
            log::warn!("{why}");
        }
    }
    if let (Some(PretrainPlan::Run { config, .. }), Some(path)) =
        (&plan.pretrain, &plan.data.pretrain)
        // One that cannot be read, or is empty, is refused before its run begins.
        && let Ok(list) = pretraining_list(plan, path)
        && config.contrasts_nothing(list.training.len())
        && !list.training.is_empty()
    {
        log::warn!(
            "{NO_OTHER_CROP} in pre-training, so the contrastive term has no other crop to tell it from and is 0: take \
             more crops a step (samples_per_volume) or a smaller accumulation under [pretrain.sampling], or give \
             contrastive_weight = 0.0 under [pretrain.loss] for half the work"
        );
        take_for_said(NO_OTHER_CROP);
    }
}
