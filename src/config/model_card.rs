//! What a weights file says of its network, so that it can be used without the folder of its run.

use crate::config::{FinetuneConfig, Learned, PretrainConfig, SettingsError, StageConfig};
use crate::nn::VitConfig;
use crate::weights::printable;
use serde::{Deserialize, Serialize};
use toml::Table;

/// Sections of the settings that a prediction or a fine-tuning asks for. No others are written: they name folders and
/// files, and weights may go where the data do not.
const SECTIONS: [&str; 6] = [
    "crops",
    "sampling",
    "network",
    "decoder",
    "augment",
    "inference",
];

/// A label is one byte.
const MOST_CLASSES: usize = 256;

/// What the weights of a network are: TOML in the entry [`CARD_ENTRY`](crate::weights::CARD_ENTRY) of their file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelCard {
    /// The network and how long it learned, in words.
    pub about: String,
    /// Names of the classes by number; empty where there are none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub classes: Vec<String>,
    /// What made the images that it learned from, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub modality: Option<String>,
    /// How volumes become the network's input, its sizes, and how it is asked: sections of the settings of a run.
    pub settings: Table,
}

impl ModelCard {
    /// The card of a network of these settings.
    ///
    /// # Errors
    /// [`SettingsError::Toml`] never in practice: settings that run can be written.
    pub fn new(
        about: String,
        config: &impl StageConfig,
        learned: &Learned,
    ) -> Result<Self, SettingsError> {
        let mut settings = Table::try_from(config).map_err(|e| unreadable(&e.to_string()))?;
        settings.retain(|section, _| SECTIONS.contains(&section));
        Ok(ModelCard {
            about,
            classes: learned.classes.clone(),
            modality: learned.modality.clone(),
            settings,
        })
    }

    /// As it stands in a file.
    ///
    /// # Errors
    /// [`SettingsError::Toml`] never in practice, as of [`Self::new`].
    pub fn to_toml(&self) -> Result<String, SettingsError> {
        toml::to_string(self).map_err(|e| unreadable(&e.to_string()))
    }

    /// Reads the entry of a file. The file may be a stranger's: nothing of it is believed but
    /// what settings of a run could say, and no name has characters that would act on a terminal.
    ///
    /// # Errors
    /// [`SettingsError::Toml`] for what is no card.
    pub fn parse(entry: &str) -> Result<Self, SettingsError> {
        let read: Self = toml::from_str(entry).map_err(|e| unreadable(e.message()))?;
        Ok(ModelCard {
            about: printable(&read.about),
            classes: (read.classes.iter().take(MOST_CLASSES))
                .map(|name| printable(name))
                .collect(),
            modality: read.modality.as_deref().map(printable),
            settings: read.settings,
        })
    }

    /// What the network learned from.
    pub fn learned(&self) -> Learned {
        Learned {
            classes: self.classes.clone(),
            modality: self.modality.clone(),
        }
    }

    /// Whether the settings are those of a pre-training, whose crops are called samples.
    pub fn is_of_pretraining(&self) -> bool {
        self.settings.contains_key("sampling")
    }

    /// The settings of a fine-tuned network, in a file of so many `numbers`: those of a far larger network are not its
    /// own, and would ask for memory without bound.
    ///
    /// # Errors
    /// [`SettingsError`] for settings of another kind, of a newer program or of another file.
    pub fn finetuning(&self, numbers: usize) -> Result<FinetuneConfig, SettingsError> {
        let config: FinetuneConfig = settings_of(&self.settings)?;
        config.in_proportion(numbers)?;
        config.validate_for_prediction()?;
        Ok(config)
    }

    /// The settings of a pre-trained one, as [`Self::finetuning`].
    ///
    /// # Errors
    /// Those of [`Self::finetuning`].
    pub fn pretraining(&self, numbers: usize) -> Result<PretrainConfig, SettingsError> {
        let config: PretrainConfig = settings_of(&self.settings)?;
        in_proportion(&config.vit(), (config.decoder.feature_size, 1), numbers)?;
        config.restorer().validate()?;
        Ok(config)
    }
}

impl FinetuneConfig {
    /// Whether a weights file of so many numbers may be of a network of these settings, to be asked before any memory is
    /// taken for one. They need not be valid.
    ///
    /// # Errors
    /// [`SettingsError::Toml`] for those of a far larger network.
    pub fn in_proportion(&self, numbers: usize) -> Result<(), SettingsError> {
        let sizes = self.unetr();
        in_proportion(&sizes.vit, (sizes.feature_size, sizes.classes), numbers)
    }
}

/// How many times as many weights as a file has numbers its settings may ask for, by an estimate.
const SLACK: u128 = 8;
/// So many are no harm.
const HARMLESS: u128 = 50_000_000;
/// Voxels of a window times the classes that are kept of each: 96 cubed times 14 are 12 million.
const MOST_OF_A_WINDOW: u128 = 1 << 31;
/// Weights of a level by the square of its channels: five convolutions of 3x3x3.
const CONVOLUTIONS: u128 = 135;

/// Refuses settings of a far larger network than the file has, or of windows that no memory holds. Nothing in them has
/// been checked yet.
fn in_proportion(
    vit: &VitConfig,
    (features, classes): (usize, usize),
    numbers: usize,
) -> Result<(), SettingsError> {
    let wide = |value: usize| value as u128;
    let product = |factors: [u128; 3]| factors.into_iter().fold(1u128, u128::saturating_mul);
    let (hidden, patch) = (wide(vit.hidden_size), wide(vit.patch_size));
    let layer =
        product([4, hidden, hidden]).saturating_add(product([2, hidden, wide(vit.mlp_dim)]));
    let voxels = product(vit.image_size.map(wide));
    let patches = voxels / product([patch; 3]).max(1);
    let finest = product([CONVOLUTIONS, wide(features), wide(features)]);
    // Four times as many on each level below.
    let levels = patch.checked_ilog2().unwrap_or(0).min(16);
    let weights = product([wide(vit.layers), layer, 1])
        .saturating_add(product([patch; 3]).saturating_mul(hidden))
        .saturating_add(product([patches, hidden, 1]))
        .saturating_add(finest.saturating_mul(4u128.pow(levels + 1) / 3));
    if weights > HARMLESS.max(SLACK.saturating_mul(wide(numbers))) {
        return Err(unreadable(&format!(
            "they are of a network of {weights} weights, and the file holds {numbers} numbers"
        )));
    }
    if product([voxels, wide(classes).saturating_add(2), 1]) > MOST_OF_A_WINDOW {
        let edges = vit.image_size;
        return Err(unreadable(&format!(
            "they ask for windows of {edges:?} voxels"
        )));
    }
    Ok(())
}

fn settings_of<C: StageConfig>(settings: &Table) -> Result<C, SettingsError> {
    let read = C::default().overlaid_by(settings.clone(), PLACE);
    // The error quotes the file.
    read.map_err(|error| match error {
        SettingsError::Toml { reason, .. } => unreadable(&reason),
        other => other,
    })
}

const PLACE: &str = "the settings of the weights file";

fn unreadable(reason: &str) -> SettingsError {
    SettingsError::Toml {
        place: PLACE.to_owned(),
        reason: printable(reason.trim()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    fn learned() -> Learned {
        Learned {
            classes: ["air", "liver"].map(str::to_owned).to_vec(),
            modality: Some("CT".to_owned()),
        }
    }

    #[test]
    fn a_card_gives_back_what_a_prediction_needs_and_names_no_file() {
        let mut config = FinetuneConfig::default();
        config.data.datalist = Some(PathBuf::from("/clinic/list.json"));
        config.start.pretrained = Some(PathBuf::from("/clinic/encoder"));
        config.crops.roi_size = [32, 48, 64];
        config.decoder.classes = Some(2);
        config.network.hidden_size = 24;
        config.network.heads = 2;
        config.network.patch_size = 16;
        config.augment.flip_probability = 0.0;
        config.inference.overlap = 0.5;
        let card = ModelCard::new("a network".to_owned(), &config, &learned()).unwrap();
        let text = card.to_toml().unwrap();
        assert!(!text.contains("clinic"), "{text}");
        let read = ModelCard::parse(&text).unwrap();
        assert_eq!(read, card);
        assert_eq!(read.learned(), learned());
        assert!(!read.is_of_pretraining());
        let again = read.finetuning(0).unwrap();
        assert_eq!(
            (again.crops, again.network, again.decoder),
            (config.crops, config.network, config.decoder)
        );
        assert_eq!(
            (again.augment, again.inference),
            (config.augment, config.inference)
        );
        assert!(read.pretraining(0).is_err());
    }

    #[test]
    fn a_card_of_a_pre_training_tells_its_crops() {
        let mut config = PretrainConfig::default();
        config.sampling.roi_size = [32; 3];
        let card = ModelCard::new("an encoder".to_owned(), &config, &Learned::default()).unwrap();
        let read = ModelCard::parse(&card.to_toml().unwrap()).unwrap();
        assert!(read.is_of_pretraining());
        assert_eq!(
            read.pretraining(89_000_000).unwrap().sampling,
            config.sampling
        );
        assert!(read.finetuning(0).is_err());
    }

    #[test]
    fn settings_of_a_far_larger_network_than_the_file_holds_are_not_its_own() {
        let config = FinetuneConfig::default();
        let card = ModelCard::new("a network".to_owned(), &config, &learned()).unwrap();
        // The original's 92.8 million weights.
        assert!(card.finetuning(92_800_000).is_ok());
        assert!(card.finetuning(9_280_000).is_err());
        let mut config = PretrainConfig::default();
        config.network.layers = 900;
        let card = ModelCard::new("an encoder".to_owned(), &config, &learned()).unwrap();
        assert!(card.pretraining(89_000_000).is_err());
    }

    #[test]
    fn sizes_beyond_any_machine_are_refused_and_overflow_nothing() {
        let refused = |text: &str| {
            let card = format!("about = \"a\"\n[settings.crops]\n{text}");
            let card = ModelCard::parse(&card).unwrap();
            card.finetuning(1000).unwrap_err().to_string()
        };
        let largest = u32::MAX;
        let network = format!(
            "[settings.network]\nhidden_size = {largest}\nmlp_dim = {largest}\nlayers = {largest}\npatch_size = {largest}\n"
        );
        assert!(refused(&network).contains("weights, and the file holds 1000"));
        let wide = "[settings.network]\nhidden_size = 16384\nheads = 1\nmlp_dim = 1\nlayers = 4\npatch_size = 4\n";
        assert!(refused(wide).contains("weights, and the file holds 1000"));
        let window = "roi_size = [1280, 1280, 1280]\n[settings.network]\nhidden_size = 8\nheads = 1\nmlp_dim = 8\n";
        assert!(refused(window).contains("windows of [1280, 1280, 1280]"));
    }

    #[test]
    fn a_card_of_a_stranger_is_refused_or_harmless() {
        assert!(ModelCard::parse("about = 3").is_err());
        assert!(ModelCard::parse("\u{1b}[2J").is_err());
        let many = vec!["\"\\u001b[2J\""; 300].join(",");
        let text = format!(
            "about = \"a\\u0007\"\nclasses = [{many}]\n[settings.crops]\n\"new\\u001b\" = 1\n"
        );
        let card = ModelCard::parse(&text).unwrap();
        assert_eq!(card.about, "a ");
        assert_eq!((card.classes.len(), &card.classes[0][..]), (256, " [2J"));
        let refused = card.finetuning(0).unwrap_err().to_string();
        assert!(
            refused.contains("new") && !refused.contains(char::is_control),
            "{refused}"
        );
    }
}
