//! Tells where data are not of the kind that a network learned from.

use crate::cli::cases::{named, trained_on};
use crate::cli::model::Model;
use crate::cli::output::count;
use crate::cli::run_folder::CASES_FILE;
use crate::config::Difference;
use crate::config::suits::counted;
use crate::dataset::{Case, DataList, case_names};
use crate::volume::Volume;
use anyhow::ensure;
use std::path::Path;

/// What to warn of where a network is to see a scan whose values do not look like what it learned from.
pub(super) fn other_scale(image: &Path, volume: &Volume, model: &Model) -> Option<String> {
    let why = model.config.scale_notice(volume.lowest(), &model.learned)?;
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
    tell(model.config.other_classes(list, &model.learned), weights);
    compare_modality(list, weights, model);
    Ok(())
}

/// Warns of another modality of a list than a network learned from.
pub(super) fn compare_modality(list: &DataList, weights: &Path, model: &Model) {
    tell(model.config.other_modality(list, &model.learned), weights);
}

fn tell(difference: Option<Difference>, weights: &Path) {
    if let Some(difference) = difference {
        let network = format!("the network in {}", weights.display());
        log::warn!("{}", difference.told(&network));
    }
}

/// Warns of those `cases` of a list that a network was trained on, as far as the folder its weights lie in tells.
pub(super) fn warn_of_trained_on(list: &DataList, cases: &[Case], weights: &Path) {
    let all = (list.training.iter())
        .chain(&list.validation)
        .chain(&list.test);
    let seen = named(&trained_on(weights), all.map(|case| case.image.as_path()));
    let names = case_names(cases).into_iter().zip(cases);
    let mut found = names.filter(|(_, case)| seen.contains(case.image.as_path()));
    let Some((first, _)) = found.next() else {
        return;
    };
    log::warn!(
        "the network in {} was trained on {} of the {} to be scored, the first of them {first}, or on others of these \
         names ({CASES_FILE} has them): if they are the same, their scores say little of new scans",
        weights.display(),
        1 + found.count(),
        count(cases.len(), "case")
    );
}
