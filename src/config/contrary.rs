//! What is to be said of settings, such as those of another run, that go against what a list says of itself.

use crate::config::intensity::is_other_than_ct;
use crate::config::suits::counted;
use crate::config::{FinetuneConfig, PretrainConfig};
use crate::dataset::{DataList, is_ct};
use crate::transform::Intensity;

impl PretrainConfig {
    /// What is to be said where intensities are scaled for another modality than the list names. Percentiles of CT may
    /// be meant: fine-tuning may come after with other images.
    pub fn contrary_intensity(&self, list: &DataList) -> Option<String> {
        contrary_intensity(self.transform().intensity, list, true)
    }
}

impl FinetuneConfig {
    /// What is to be said where intensities are scaled for another modality than the list names. Percentiles of CT may
    /// be those of the pre-training.
    pub fn contrary_intensity(&self, list: &DataList) -> Option<String> {
        let pretrained = self.start.pretrained.is_some();
        contrary_intensity(self.transform().intensity, list, pretrained)
    }

    /// What is to be said where the settings have more classes than the list names.
    pub fn surplus_classes(&self, list: &DataList) -> Option<String> {
        let (classes, named) = (self.unetr().classes, list.classes.len());
        (named > 0 && classes > named).then(|| {
            format!(
                "the settings say {classes} classes, and the list names {}: --classes {named} takes those alone",
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
                "the number {classes} is from the settings (--classes, --config or a plan), and the list {list}"
            )
        })
    }
}

fn contrary_intensity(
    intensity: Intensity,
    list: &DataList,
    percentiles_are_meant: bool,
) -> Option<String> {
    let modality = list.modality.as_deref()?;
    let (ct, other) = (is_ct(modality), is_other_than_ct(modality));
    let scaled = match intensity {
        // A window without values below water may be one of MR.
        Intensity::Range(window) if other && window.min < 0.0 => "as CT in HU (intensity range)",
        Intensity::Percentile if ct && !percentiles_are_meant => {
            "by each volume's own percentiles (intensity percentile)"
        }
        _ => return None,
    };
    Some(format!(
        "the settings scale intensities {scaled}, and the list says that its images are {modality}: if that is not \
         meant, intensity \"auto\" takes what suits those"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::IntensityMode;

    fn list(modality: Option<&str>, classes: usize) -> DataList {
        DataList {
            modality: modality.map(str::to_owned),
            classes: (0..classes).map(|class| format!("organ {class}")).collect(),
            ..DataList::default()
        }
    }

    #[test]
    fn intensities_for_another_modality_are_told_of() {
        // Told before pre-training, and before fine-tuning.
        for (mode, modality, told) in [
            (IntensityMode::Range, Some("MRI"), [true, true]),
            (IntensityMode::Range, Some("PET/CT"), [false, false]),
            (IntensityMode::Range, Some("CT"), [false, false]),
            (IntensityMode::Range, None, [false, false]),
            (IntensityMode::Percentile, Some("CT"), [false, true]),
            (IntensityMode::Percentile, Some("MRI"), [false, false]),
            (IntensityMode::Zscore, Some("MRI"), [false, false]),
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
                told,
                "{mode:?} {modality:?}"
            );
        }
        let mut pretrained = FinetuneConfig::default();
        pretrained.crops.intensity = IntensityMode::Percentile;
        pretrained.start.pretrained = Some("encoder.safetensors".into());
        assert_eq!(pretrained.contrary_intensity(&list(Some("CT"), 0)), None);
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
        assert_eq!(said(4, 3), (true, true));
        assert_eq!(said(3, 3), (false, false));
        assert_eq!(said(3, 6), (false, true));
        assert_eq!(said(3, 0), (false, true));
        let origin = config(3).origin_of_classes(&list(None, 6)).unwrap();
        assert!(origin.contains("names 6 classes (organ 0"), "{origin}");
    }
}
