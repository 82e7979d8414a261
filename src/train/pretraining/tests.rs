//! What pre-training validates on, and what it hands on.

use super::*;
use crate::dataset::MemorySource;
use crate::volume::Volume;
use std::collections::BTreeSet;

/// A network that is made in no time, and one case.
fn task(change: impl FnOnce(&mut PretrainConfig)) -> Pretraining {
    let mut config = PretrainConfig::default();
    config.sampling.roi_size = [16; 3];
    config.network.patch_size = 8;
    (config.network.hidden_size, config.network.mlp_dim) = (8, 8);
    (config.network.layers, config.network.heads) = (1, 1);
    config.decoder.feature_size = 2;
    change(&mut config);
    let data = (0_u16..8000).map(|n| f32::from(n) / 8192.0).collect();
    let volume = Volume::new([20; 3], data, Affine::identity()).unwrap();
    let source = MemorySource::new(vec![("a".to_owned(), Arc::new(volume))]);
    let source: Arc<dyn VolumeSource> = Arc::new(source);
    Pretraining::new(config, Arc::clone(&source), source).unwrap()
}

#[test]
fn a_fixed_validation_sees_the_same_views_each_time_and_a_random_one_others() {
    for (mode, same) in [
        (ValidationMode::Fixed, true),
        (ValidationMode::Random, false),
    ] {
        let task = task(|config| config.run.validation = mode);
        let views = |draw| task.validation.make(draw, 0).unwrap().view1;
        assert_eq!(views(0) == views(1), same, "{mode:?}");
    }
}

#[test]
fn all_but_the_last_layers_of_restoring_are_handed_on() {
    for (restoration, last) in [
        (Restoration::Linear, "conv3d_transpose"),
        (Restoration::Unetr, HEAD),
    ] {
        let task = task(|config| config.decoder.restoration = restoration);
        let network = Pretraining::zeros(&task.config, &Device::flex()).unwrap();
        let exported = pollster::block_on(task.export(&network, 0)).unwrap();
        let handed: BTreeSet<String> = weights::decode(&exported).unwrap().into_keys().collect();
        let all = weights::describe(&network)
            .into_iter()
            .map(|info| info.name);
        let expected: BTreeSet<String> = all.filter(|name| !name.starts_with(last)).collect();
        assert_eq!(handed, expected);
    }
}
