//! Whether data are of the kind that a network learned from, and what is to be said where they are not.

use crate::config::intensity::{AIR, LOWEST_OF_OTHER_SCALES, is_other_than_ct};
use crate::config::{FinetuneConfig, is_hu, may_be_hu};
use crate::dataset::{DataList, is_ct, says_more_than_number, two_sides};
use crate::transform::Intensity;

/// How many names or differences a message spells out.
const SPELT_OUT: usize = 5;

/// What a network learned from, as far as anything tells.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Learned {
    /// Names of the classes by number; empty where nothing tells.
    pub classes: Vec<String>,
    /// What made the images.
    pub modality: Option<String>,
}

/// What a list and a network say, where they differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    of_list: String,
    of_network: String,
}

impl Difference {
    /// In words; `network` is what that is called.
    pub fn told(&self, network: &str) -> String {
        format!(
            "the list {}, and {network} {}",
            self.of_list, self.of_network
        )
    }
}

impl FinetuneConfig {
    /// What is to be said of a scan with this lowest value where the network learned from HU and the scan does not look
    /// like it, or the other way round, to follow the scan's name.
    pub fn scale_notice(&self, lowest: Option<f32>, learned: &Learned) -> Option<String> {
        let lowest = lowest?;
        if let Some(why) = no_hu(lowest) {
            return (self.takes_hu()).then(|| {
                format!("{why}, which the network learned from: its labels may mean nothing")
            });
        }
        let modality = (learned.modality.as_ref()).filter(|name| is_other_than_ct(name))?;
        (is_hu(lowest) && !self.takes_hu()).then(|| {
            format!(
                "has values below {AIR}, so it looks like CT in HU, and the network learned from {modality}: its \
                 labels may mean nothing"
            )
        })
    }

    /// What is to be said where left and right are different classes and patches are mirrored or turned, which makes one
    /// of the other.
    pub fn sides_notice(&self, classes: &[String]) -> Option<String> {
        let augment = &self.augment;
        let changed = augment.flip_probability > 0.0 || augment.rotate_probability > 0.0;
        let (one, other) = two_sides(classes).filter(|_| changed)?;
        Some(format!(
            "\"{one}\" and \"{other}\" are different classes, and flips and quarter turns of the patches make one look \
             like the other"
        ))
    }

    /// Classes of a list that are not those that a network of these settings learned, by number and name.
    pub fn other_classes(&self, list: &DataList, learned: &Learned) -> Option<Difference> {
        other_classes(&list.classes, &learned.classes, self.unetr().classes)
    }

    /// Another modality of a list than a network of these settings learned from.
    pub fn other_modality(&self, list: &DataList, learned: &Learned) -> Option<Difference> {
        other_modality(list.modality.as_deref(), learned, self.takes_hu())
    }

    /// Whether a network sees a fixed window of HU. A window without values below water may be one of MR.
    fn takes_hu(&self) -> bool {
        matches!(self.transform().intensity, Intensity::Range(window) if window.min < 0.0)
    }
}

/// What is to be said of a scan with this lowest value where it does not look like CT in HU, to follow the scan's name.
pub(crate) fn no_hu(lowest: f32) -> Option<String> {
    (!may_be_hu(lowest)).then(|| {
        format!("has no value below {LOWEST_OF_OTHER_SCALES}, so it does not look like CT in HU")
    })
}

fn other_classes(list: &[String], learned: &[String], classes: usize) -> Option<Difference> {
    if list.is_empty() {
        return None;
    }
    if list.len() != classes {
        let names: &[String] = match learned.len() == classes {
            true => learned,
            false => &[],
        };
        return Some(Difference {
            of_list: format!("names {}", counted(list.len(), list)),
            of_network: format!("has {}", counted(classes, names)),
        });
    }
    // Whatever the background is called, it is one.
    let same = |one: &str, other: &str| one.trim().to_lowercase() == other.trim().to_lowercase();
    let pairs = list.iter().zip(learned).enumerate().skip(1);
    let others: Vec<_> = pairs
        .filter(|(_, (one, other))| !same(one, other))
        .filter(|(class, (one, other))| {
            says_more_than_number(*class, one) && says_more_than_number(*class, other)
        })
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
    Some(Difference {
        of_list: format!("calls {}", shortened(&here)),
        of_network: format!("learned {}", shortened(&there)),
    })
}

/// `hu` tells whether the network takes HU.
fn other_modality(list: Option<&str>, learned: &Learned, hu: bool) -> Option<Difference> {
    let list = list?;
    let is_mr = |name: &str| ["mr", "mri"].contains(&name.to_lowercase().as_str());
    let before = match &learned.modality {
        Some(run) => {
            let alike = (is_ct(list) && is_ct(run)) || (is_mr(list) && is_mr(run));
            (!alike && !run.eq_ignore_ascii_case(list)).then(|| run.clone())
        }
        None => (hu && !is_ct(list)).then(|| "intensities in HU".to_owned()),
    };
    Some(Difference {
        of_list: format!("says that its images are {list}"),
        of_network: format!("learned from {}: its labels may mean nothing", before?),
    })
}

/// A number of classes, with their names where they are known.
pub(crate) fn counted(count: usize, names: &[String]) -> String {
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
    use crate::config::IntensityMode;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn a_scan_without_air_or_fat_is_doubted_by_a_network_of_hu_alone() {
        let mut config = FinetuneConfig::default();
        assert!(config.crops.intensity_min < 0.0);
        let learned = Learned::default();
        let notice =
            |config: &FinetuneConfig, lowest| config.scale_notice(lowest, &learned).is_some();
        for (lowest, told) in [(Some(0.0), true), (Some(-1024.0), false), (None, false)] {
            assert_eq!(notice(&config, lowest), told, "{lowest:?}");
        }
        config.crops.intensity = IntensityMode::Percentile;
        assert!(!notice(&config, Some(0.0)));
    }

    #[test]
    fn a_scan_in_hu_is_doubted_by_a_network_that_is_known_to_have_learned_from_something_else() {
        let mut config = FinetuneConfig::default();
        config.crops.intensity = IntensityMode::Percentile;
        for (modality, lowest, told) in [
            (Some("MRI"), Some(-1024.0), true),
            (Some("MRI"), Some(-150.0), false),
            (Some("MRI"), Some(0.0), false),
            (Some("MRI"), None, false),
            (Some("CT"), Some(-1024.0), false),
            (Some("PET/CT"), Some(-1024.0), false),
            (None, Some(-1024.0), false),
        ] {
            let learned = Learned {
                modality: modality.map(str::to_owned),
                ..Learned::default()
            };
            let found = config.scale_notice(lowest, &learned);
            assert_eq!(found.is_some(), told, "{modality:?} {lowest:?}: {found:?}");
            let named = found.is_none_or(|text| text.contains("learned from MRI"));
            assert!(named, "{modality:?} {lowest:?}");
        }
    }

    #[test]
    fn sides_are_told_of_where_patches_are_mirrored_or_turned() {
        let classes = names(&["background", "left kidney", "right kidney"]);
        let mut config = FinetuneConfig::default();
        let mut notice = |flip, turn| {
            config.augment.flip_probability = flip;
            config.augment.rotate_probability = turn;
            config.sides_notice(&classes)
        };
        assert!(notice(0.5, 0.0).is_some_and(|text| text.contains("\"right kidney\"")));
        assert!(notice(0.0, 0.5).is_some());
        assert_eq!(notice(0.0, 0.0), None);
        config.augment.flip_probability = 0.5;
        assert_eq!(config.sides_notice(&classes[..2]), None);
    }

    #[test]
    fn exchanged_classes_are_shown_from_both_sides() {
        let list = names(&["background", "anterior", "posterior", "other"]);
        let run = names(&["air", "posterior", "Anterior", "Other"]);
        let found = other_classes(&list, &run, 4).unwrap();
        assert_eq!(
            found.told("the network"),
            "the list calls class 1 anterior, class 2 posterior, and the network learned class 1 as posterior, class 2 \
             as Anterior"
        );
        assert_eq!(other_classes(&list, &list, 4), None);
        // Nothing tells what they are.
        assert_eq!(other_classes(&list, &[], 4), None);
        assert_eq!(other_classes(&[], &run, 4), None);
        let numbers = names(&["background", "class 1", "class 2", "class 3"]);
        assert_eq!(other_classes(&list, &numbers, 4), None);
    }

    #[test]
    fn another_number_of_classes_is_shown_with_the_names() {
        let list = names(&["background", "anterior", "posterior"]);
        let run: Vec<String> = (0..14).map(|class| format!("organ {class}")).collect();
        let found = other_classes(&list, &run, 14).unwrap();
        assert_eq!(
            found.of_list,
            "names 3 classes (background, anterior, posterior)"
        );
        let of_network = found.of_network;
        assert!(of_network.starts_with("has 14 classes (organ 0, organ 1"));
        assert!(of_network.ends_with("organ 4 and 9 more)"), "{of_network}");
        let unnamed = other_classes(&list, &[], 14).unwrap();
        assert_eq!(unnamed.of_network, "has 14 classes");
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
