//! Tells where data are not of the kind that a network learned from.

use crate::cli::cases::learned;
use crate::cli::model::Model;
use crate::config::FinetuneConfig;
use crate::config::suits::counted;
use crate::dataset::DataList;
use crate::volume::Volume;
use anyhow::ensure;
use std::path::Path;

/// What to warn of where a network that learned from HU is to see a scan whose values do not look like it.
pub(super) fn other_scale(
    image: &Path,
    volume: &Volume,
    config: &FinetuneConfig,
) -> Option<String> {
    let why = config.scale_notice(volume.lowest())?;
    Some(format!("{} {why}", image.display()))
}

/// Refuses a list of more classes than a network has, and warns of other classes and another modality than it learned.
pub(super) fn compare_list(list: &DataList, weights: &Path, model: &Model) -> anyhow::Result<()> {
    let classes = model.network.classes();
    ensure!(
        list.classes.len() <= classes,
        "the list names {} and the network in {} has {classes}, background included: score it on a list of its own classes",
        counted(list.classes.len(), &list.classes),
        weights.display()
    );
    let learned = learned(weights);
    let network = format!("the network in {}", weights.display());
    let differences = [
        model.config.other_classes(list, &learned),
        model.config.other_modality(list, &learned),
    ];
    for difference in differences.into_iter().flatten() {
        log::warn!("{}", difference.told(&network));
    }
    Ok(())
}
