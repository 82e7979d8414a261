//! What is to be said of settings, such as those of another run, that go against what a list says of itself.

use crate::config::suits::counted;
use crate::config::{FinetuneConfig, IntensityMode, PretrainConfig};
use crate::dataset::DataList;
use crate::transform::Intensity;

impl PretrainConfig {
    /// What is to be said where intensities are scaled for another modality than the list names.
    pub fn contrary_intensity(&self, list: &DataList) -> Option<String> {
        contrary_intensity(self.transform().intensity, list.modality.as_deref())
    }
}

impl FinetuneConfig {
    /// What is to be said where intensities are scaled for another modality than the list names.
    pub fn contrary_intensity(&self, list: &DataList) -> Option<String> {
        contrary_intensity(self.transform().intensity, list.modality.as_deref())
    }

    /// What is to be said where the settings have more classes than the list names.
    pub fn surplus_classes(&self, list: &DataList) -> Option<String> {
        let (classes, named) = (self.unetr().classes, list.classes.len());
        (named > 0 && classes > named).then(|| {
            format!(
                "the settings say {classes} classes, and the list names {}: give --classes {named} for those alone",
                counted(named, &list.classes)
            )
        })
    }

    /// Where the number of classes comes from, if it is none that the list names.
    pub fn origin_of_classes(&self, list: &DataList) -> Option<String> {
        let classes = self.decoder.classes?;
        let named = list.classes.len();
        (classes != named).then(|| {
            let list = match named {
                0 => "names none".to_owned(),
                named => format!("names {}", counted(named, &list.classes)),
            };
            format!(
                "the number {classes} is from --classes or the settings in --config, and the list {list}"
            )
        })
    }
}

fn contrary_intensity(intensity: Intensity, modality: Option<&str>) -> Option<String> {
    let modality = modality?;
    let ct = IntensityMode::Auto.settled(Some(modality)) == IntensityMode::Range;
    let scaled = match intensity {
        // A window without values below water may be one of MR.
        Intensity::Range(window) if !ct && window.min < 0.0 => "as CT in HU (intensity range)",
        Intensity::Percentile if ct => "by each volume's own percentiles (intensity percentile)",
        _ => return None,
    };
    Some(format!(
        "the settings scale intensities {scaled}, and the list says that its images are {modality}: give \
         --intensity auto for what suits those"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(modality: Option<&str>, classes: usize) -> DataList {
        DataList {
            modality: modality.map(str::to_owned),
            classes: (0..classes).map(|class| format!("organ {class}")).collect(),
            ..DataList::default()
        }
    }

    #[test]
    fn intensities_for_another_modality_are_told_of() {
        for (mode, modality, told) in [
            (IntensityMode::Range, Some("MRI"), true),
            (IntensityMode::Range, Some("CT"), false),
            (IntensityMode::Range, None, false),
            (IntensityMode::Percentile, Some("CT"), true),
            (IntensityMode::Percentile, Some("MRI"), false),
            (IntensityMode::Zscore, Some("MRI"), false),
        ] {
            let (mut before, mut after) = (PretrainConfig::default(), FinetuneConfig::default());
            before.sampling.intensity = mode;
            after.crops.intensity = mode;
            let list = list(modality, 0);
            let said = [
                before.contrary_intensity(&list),
                after.contrary_intensity(&list),
            ];
            assert_eq!(
                said.map(|said| said.is_some()),
                [told; 2],
                "{mode:?} {modality:?}"
            );
        }
        let mut window_of_mr = FinetuneConfig::default();
        window_of_mr.crops.intensity = IntensityMode::Range;
        window_of_mr.crops.intensity_min = 0.0;
        assert_eq!(window_of_mr.contrary_intensity(&list(Some("MRI"), 0)), None);
    }

    #[test]
    fn classes_of_the_settings_are_told_from_those_of_the_list() {
        let config = |classes| {
            let mut config = FinetuneConfig::default();
            config.decoder.classes = Some(classes);
            config
        };
        let said = |classes, named| {
            let (config, list) = (config(classes), list(None, named));
            let surplus = config.surplus_classes(&list).is_some();
            (surplus, config.origin_of_classes(&list).is_some())
        };
        assert_eq!(said(6, 3), (true, true));
        assert_eq!(said(3, 3), (false, false));
        assert_eq!(said(3, 6), (false, true));
        assert_eq!(said(3, 0), (false, true));
        let origin = config(3).origin_of_classes(&list(None, 6)).unwrap();
        assert!(origin.contains("names 6 classes (organ 0"), "{origin}");
    }
}
