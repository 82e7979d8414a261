//! What the networks of every patch size write, they read again.

use super::*;
use crate::nn::{
    Architecture, Restoration, Restorer, RestorerConfig, Segmenter, SegmenterConfig, UnetrConfig,
    VitConfig,
};
use crate::weights::{Named, export, initialise};
use burn::tensor::Device;

/// Every size that UNETR takes.
const PATCHES: [usize; 4] = [4, 8, 16, 32];

fn sizes(patch_size: usize) -> UnetrConfig {
    UnetrConfig {
        vit: VitConfig {
            image_size: [32; 3],
            patch_size,
            hidden_size: 4,
            mlp_dim: 4,
            layers: 1,
            heads: 1,
        },
        feature_size: 2,
        classes: 3,
    }
}

fn segmenter(architecture: Architecture, patch_size: usize) -> Segmenter {
    let config = SegmenterConfig {
        architecture,
        sizes: sizes(patch_size),
    };
    let zeros = Segmenter::zeros(&config, &Device::flex()).unwrap();
    initialise(zeros, 1).unwrap()
}

fn saved<M: Named>(network: &M) -> Tensors {
    pollster::block_on(export(network)).unwrap()
}

#[test]
fn a_segmentation_network_of_every_patch_size_comes_back_whole() {
    for architecture in [Architecture::Unetr, Architecture::Unet] {
        for patch in PATCHES {
            let tensors = saved(&segmenter(architecture, patch));
            let (values, report) = moved(&tensors, &tensors, &ALL).unwrap();
            let told = format!("{architecture:?}, patch {patch}: {report}");
            assert!(report.dropped.is_empty(), "{told}");
            assert!(report.random.is_empty(), "{told}");
            for (info, numbers) in &tensors {
                assert_eq!(values.get(&info.name), Some(numbers), "{told}");
            }
        }
    }
}

#[test]
fn a_segmentation_network_of_every_patch_size_is_converted_whole() {
    for patch in PATCHES {
        let tensors = saved(&segmenter(Architecture::Unetr, patch));
        let bytes = encode(&tensors, None).unwrap();
        let options = ConvertOptions {
            monai: Some(MonaiVersion::V0_8),
            ..ConvertOptions::default()
        };
        let (converted, report) = convert(&bytes, OutputFormat::Safetensors, &options).unwrap();
        assert!(report.dropped.is_empty(), "patch {patch}: {report}");
        // What is added for a version that never uses it is left out on the way back.
        let (again, report) = convert(
            &converted,
            OutputFormat::Safetensors,
            &ConvertOptions::default(),
        )
        .unwrap();
        assert_eq!(report.tensors, tensors.len(), "patch {patch}: {report}");
        let again = WeightsFile::open(&again).unwrap();
        for (info, numbers) in &tensors {
            let found = again.tensors.iter().find(|t| t.name == info.name);
            assert_eq!(found.map(|tensor| tensor.values()).as_ref(), Some(numbers));
        }
    }
}

#[test]
fn what_pre_training_leaves_starts_fine_tuning_at_every_patch_size() {
    for restoration in [Restoration::Linear, Restoration::Unetr] {
        for patch in PATCHES {
            let UnetrConfig {
                vit, feature_size, ..
            } = sizes(patch);
            let config = RestorerConfig {
                restoration,
                vit,
                feature_size,
            };
            let zeros = Restorer::zeros(&config, &Device::flex()).unwrap();
            let mut before = saved(&initialise(zeros, 2).unwrap());
            before.retain(|(info, _)| {
                !info.name.starts_with("conv3d_transpose") && !info.name.starts_with("out.")
            });
            let after = saved(&segmenter(Architecture::Unetr, patch));
            let (values, report) = moved(&before, &after, &ENCODER).unwrap();
            let told = format!("{restoration:?}, patch {patch}: {report}");
            assert_eq!(report.encoder_taken, report.encoder, "{told}");
            assert_eq!(values.len(), before.len(), "{told}");
            assert!(report.dropped.is_empty(), "{told}");
            if restoration == Restoration::Unetr {
                let random = &report.random;
                assert!(
                    random.iter().all(|left| left.name.starts_with("out.")),
                    "{told}"
                );
            }
        }
    }
}
