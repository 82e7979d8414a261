//! Sizes that fine-tuning takes from the network it starts from, where nobody gave any.

use crate::config::{FinetuneConfig, ModelCard, PretrainConfig, SettingsError};
use crate::nn::{Architecture, Restoration, VitConfig};

/// Sizes of a network that fine-tuning can start from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StartSizes {
    /// Those of the encoder and of the crops that it learned from.
    pub vit: VitConfig,
    /// Channels of UNETR's decoder at full resolution, where that was trained too.
    pub feature_size: Option<usize>,
}

impl StartSizes {
    /// Those of a pre-trained network.
    pub fn of_pretraining(config: &PretrainConfig) -> Self {
        let decoder = &config.decoder;
        let trained = decoder.restoration == Restoration::Unetr;
        StartSizes {
            vit: config.vit(),
            feature_size: trained.then_some(decoder.feature_size),
        }
    }

    /// Those of a fine-tuned one; none of a U-Net, which has no encoder of this kind.
    pub fn of_finetuning(config: &FinetuneConfig) -> Option<Self> {
        let sizes = config.unetr();
        (config.decoder.architecture == Architecture::Unetr).then_some(StartSizes {
            vit: sizes.vit,
            feature_size: Some(sizes.feature_size),
        })
    }
}

impl ModelCard {
    /// The sizes of its network, in a file of so many `numbers`; none of a U-Net.
    ///
    /// # Errors
    /// Those of [`Self::pretraining`] and [`Self::finetuning`].
    pub fn start_sizes(&self, numbers: usize) -> Result<Option<StartSizes>, SettingsError> {
        Ok(match self.is_of_pretraining() {
            true => Some(StartSizes::of_pretraining(&self.pretraining(numbers)?)),
            false => StartSizes::of_finetuning(&self.finetuning(numbers)?),
        })
    }
}

impl FinetuneConfig {
    /// Takes those sizes that are others here and were not `given`, which is asked by section and name. Tells them as
    /// they would be given.
    pub fn take_sizes(
        &mut self,
        sizes: &StartSizes,
        given: impl Fn(&str, &str) -> bool,
    ) -> Vec<String> {
        let mut taken = Vec::new();
        let mut take = |section: &str, name: &str, own: &mut usize, size: usize| {
            if *own != size && !given(section, name) {
                *own = size;
                taken.push(format!("--{} {size}", name.replace('_', "-")));
            }
        };
        let (network, vit) = (&mut self.network, &sizes.vit);
        for (name, own, size) in [
            ("patch_size", &mut network.patch_size, vit.patch_size),
            ("hidden_size", &mut network.hidden_size, vit.hidden_size),
            ("mlp_dim", &mut network.mlp_dim, vit.mlp_dim),
            ("layers", &mut network.layers, vit.layers),
            ("heads", &mut network.heads, vit.heads),
        ] {
            take("network", name, own, size);
        }
        if let Some(size) = sizes.feature_size {
            let own = &mut self.decoder.feature_size;
            take("decoder", "feature_size", own, size);
        }
        let roi = vit.image_size;
        // Resized position embeddings are for crops of another size.
        let fixed = !self.start.resize_positions && !given("crops", "roi_size");
        if fixed && self.crops.roi_size != roi {
            self.crops.roi_size = roi;
            let roi = roi.map(|n| n.to_string()).join(",");
            taken.push(format!("--roi-size {roi}"));
        }
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Learned;

    /// A pre-training of other sizes than the defaults.
    fn pretraining() -> PretrainConfig {
        let mut config = PretrainConfig::default();
        config.sampling.roi_size = [32, 32, 48];
        config.network.patch_size = 8;
        config.network.hidden_size = 24;
        config.network.heads = 2;
        config
    }

    #[test]
    fn sizes_that_nobody_gave_are_those_of_the_encoder() {
        let before = pretraining();
        let sizes = StartSizes::of_pretraining(&before);
        let mut config = FinetuneConfig::default();
        let taken = config.take_sizes(&sizes, |_, _| false);
        let expected = [
            "--patch-size 8",
            "--hidden-size 24",
            "--heads 2",
            "--roi-size 32,32,48",
        ];
        assert_eq!(taken, expected);
        assert_eq!(config.unetr().vit, before.vit());
        assert!(config.take_sizes(&sizes, |_, _| false).is_empty());
    }

    #[test]
    fn a_size_that_was_given_stays_and_so_do_crops_for_resized_positions() {
        let sizes = StartSizes::of_pretraining(&pretraining());
        let own = FinetuneConfig::default();
        let mut config = own.clone();
        let given = |section: &str, name: &str| (section, name) == ("network", "hidden_size");
        config.take_sizes(&sizes, given);
        assert_eq!(config.network.hidden_size, own.network.hidden_size);
        assert_eq!(config.network.heads, 2);
        config = own.clone();
        config.start.resize_positions = true;
        config.take_sizes(&sizes, |_, _| false);
        assert_eq!(config.crops.roi_size, own.crops.roi_size);
        assert_eq!(config.network.hidden_size, 24);
    }

    #[test]
    fn the_width_of_a_decoder_counts_where_it_was_trained() {
        let mut before = pretraining();
        before.decoder.feature_size = 4;
        let width = |config: &PretrainConfig| StartSizes::of_pretraining(config).feature_size;
        assert_eq!(width(&before), None);
        before.decoder.restoration = Restoration::Unetr;
        assert_eq!(width(&before), Some(4));
        let mut after = FinetuneConfig::default();
        let taken = after.take_sizes(&StartSizes::of_pretraining(&before), |_, _| false);
        assert!(taken.contains(&"--feature-size 4".to_owned()), "{taken:?}");
        assert_eq!(after.decoder.feature_size, 4);
        assert!(StartSizes::of_finetuning(&after).is_some());
        after.decoder.architecture = Architecture::Unet;
        assert_eq!(StartSizes::of_finetuning(&after), None);
    }

    #[test]
    fn a_card_tells_the_sizes_of_its_own_network_and_of_no_larger_one() {
        let before = pretraining();
        let card = ModelCard::new("an encoder".to_owned(), &before, &Learned::default()).unwrap();
        let sizes = card.start_sizes(1000).unwrap();
        assert_eq!(sizes, Some(StartSizes::of_pretraining(&before)));
        let mut larger = before;
        larger.network.hidden_size = 4096;
        let card = ModelCard::new("an encoder".to_owned(), &larger, &Learned::default()).unwrap();
        assert!(card.start_sizes(1000).is_err());
    }
}
