//! Whether data are of the kind that a network learned from.

use crate::cli::cases::{Learned, learned};
use crate::cli::data::lowest_of_other_scale;
use crate::cli::model::Model;
use crate::config::{FinetuneConfig, IntensityMode};
use crate::dataset::DataList;
use crate::transform::Intensity;
use crate::volume::Volume;
use anyhow::ensure;
use std::path::Path;

/// How many names or differences a message spells out.
const SPELT_OUT: usize = 5;

/// What to warn of where a network that learned from HU is to see a scan whose values do not look like it.
pub(super) fn other_scale(
    image: &Path,
    volume: &Volume,
    config: &FinetuneConfig,
) -> Option<String> {
    let lowest = lowest_of_other_scale(volume).filter(|_| takes_hu(config))?;
    Some(format!(
        "{} has no value below {lowest}, so it does not look like CT in HU, which the network learned from: its labels \
         may mean nothing",
        image.display()
    ))
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
    let warnings = [
        other_classes(&list.classes, &learned.classes, classes),
        other_modality(list.modality.as_deref(), &learned, takes_hu(&model.config)),
    ];
    for (of_list, of_network) in warnings.into_iter().flatten() {
        log::warn!("the list {of_list}, and {network} {of_network}");
    }
    Ok(())
}

/// Whether a network sees a fixed window of HU. A window without values below water may be one of MR.
fn takes_hu(config: &FinetuneConfig) -> bool {
    matches!(config.transform().intensity, Intensity::Range(window) if window.min < 0.0)
}

/// What a list and a network say, where they differ.
type Difference = (String, String);

/// Classes of a list that are not those that a network learned, by number and name.
fn other_classes(list: &[String], learned: &[String], classes: usize) -> Option<Difference> {
    if list.is_empty() {
        return None;
    }
    if list.len() != classes {
        let names: &[String] = match learned.len() == classes {
            true => learned,
            false => &[],
        };
        return Some((
            format!("names {}", counted(list.len(), list)),
            format!("has {}", counted(classes, names)),
        ));
    }
    // Whatever the background is called, it is one.
    let same = |one: &str, other: &str| one.trim().to_lowercase() == other.trim().to_lowercase();
    let pairs = list.iter().zip(learned).enumerate().skip(1);
    let others: Vec<_> = pairs
        .filter(|(_, (one, other))| !same(one, other))
        .collect();
    if others.is_empty() {
        return None;
    }
    let here: Vec<String> = (others.iter())
        .map(|(class, (name, _))| format!("class {class} {name}"))
        .collect();
    let there: Vec<String> = (others.iter())
        .map(|(class, (_, name))| format!("class {class} as {name}"))
        .collect();
    Some((
        format!("calls {}", shortened(&here)),
        format!("learned {}", shortened(&there)),
    ))
}

/// Another modality of a list than a network learned from; `hu` tells whether that takes HU.
fn other_modality(list: Option<&str>, learned: &Learned, hu: bool) -> Option<Difference> {
    let list = list?;
    let is_ct = |name: &str| IntensityMode::Auto.settled(Some(name)) == IntensityMode::Range;
    let is_mr = |name: &str| ["mr", "mri"].contains(&name.to_lowercase().as_str());
    let before = match &learned.modality {
        Some(run) => {
            let alike = (is_ct(list) && is_ct(run)) || (is_mr(list) && is_mr(run));
            (!alike && !run.eq_ignore_ascii_case(list)).then(|| run.clone())
        }
        None => (hu && !is_ct(list)).then(|| "intensities in HU".to_owned()),
    };
    Some((
        format!("says that its images are {list}"),
        format!("learned from {}: its labels may mean nothing", before?),
    ))
}

/// A number of classes, with their names where they are known.
fn counted(count: usize, names: &[String]) -> String {
    match names {
        [] => format!("{count} classes"),
        names => format!("{count} classes ({})", shortened(names)),
    }
}

fn shortened(all: &[String]) -> String {
    let first = all.iter().take(SPELT_OUT).cloned().collect::<Vec<_>>();
    match all.len().saturating_sub(SPELT_OUT) {
        0 => first.join(", "),
        more => format!("{} and {more} more", first.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn exchanged_classes_are_shown_from_both_sides() {
        let list = names(&["background", "anterior", "posterior", "other"]);
        let run = names(&["air", "posterior", "Anterior", "Other"]);
        let (of_list, of_network) = other_classes(&list, &run, 4).unwrap();
        assert_eq!(of_list, "calls class 1 anterior, class 2 posterior");
        assert_eq!(
            of_network,
            "learned class 1 as posterior, class 2 as Anterior"
        );
        assert_eq!(other_classes(&list, &list, 4), None);
        // Nothing tells what they are.
        assert_eq!(other_classes(&list, &[], 4), None);
        assert_eq!(other_classes(&[], &run, 4), None);
    }

    #[test]
    fn another_number_of_classes_is_shown_with_the_names() {
        let list = names(&["background", "anterior", "posterior"]);
        let run: Vec<String> = (0..14).map(|class| format!("organ {class}")).collect();
        let (of_list, of_network) = other_classes(&list, &run, 14).unwrap();
        assert_eq!(of_list, "names 3 classes (background, anterior, posterior)");
        assert!(of_network.starts_with("has 14 classes (organ 0, organ 1"));
        assert!(of_network.ends_with("organ 4 and 9 more)"), "{of_network}");
        let (_, unnamed) = other_classes(&list, &[], 14).unwrap();
        assert_eq!(unnamed, "has 14 classes");
    }

    #[test]
    fn another_modality_is_told_from_another_word_for_the_same() {
        let learned = |modality: Option<&str>| Learned {
            modality: modality.map(str::to_owned),
            ..Learned::default()
        };
        for (list, run, hu, differ) in [
            (Some("MRI"), Some("CT"), true, true),
            (Some("T2"), Some("T1"), false, true),
            (Some("CTA"), Some("computed tomography"), true, false),
            (Some("MR"), Some("MRI"), false, false),
            (Some("flair"), Some("FLAIR"), false, false),
            (Some("MRI"), None, true, true),
            (Some("MRI"), None, false, false),
            (Some("CT"), None, true, false),
            (None, Some("CT"), true, false),
        ] {
            let found = other_modality(list, &learned(run), hu);
            assert_eq!(found.is_some(), differ, "{list:?} {run:?} {hu}: {found:?}");
        }
    }
}
