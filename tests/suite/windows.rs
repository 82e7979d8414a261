//! Predictions in windows on the WGSL path.

use crate::support::{cpu, software_vulkan};
use burn::tensor::Device;
use hounsfield::infer::{DeviceNetwork, SlidingWindow};
use hounsfield::nn::{Architecture, Segmenter, SegmenterConfig, UnetrConfig, VitConfig};
use hounsfield::weights;
use std::ops::ControlFlow;

const WINDOW: [usize; 3] = [16; 3];
/// 3 x 2 x 2 windows.
const SHAPE: [usize; 3] = [32, 20, 24];

fn logits(device: &Device) -> Vec<f32> {
    let config = SegmenterConfig {
        architecture: Architecture::Unetr,
        sizes: UnetrConfig {
            vit: VitConfig {
                image_size: WINDOW,
                patch_size: 8,
                hidden_size: 16,
                mlp_dim: 16,
                layers: 3,
                heads: 2,
            },
            feature_size: 2,
            classes: 3,
        },
    };
    let zeros = Segmenter::zeros(&config, device).unwrap();
    let network = weights::initialise(zeros, 1).unwrap();
    let network = DeviceNetwork {
        network: &network,
        device,
    };
    let image: Vec<f32> = (0..SHAPE.iter().product::<usize>())
        .map(|i| (i * 37 % 101) as f32 / 100.0)
        .collect();
    let mut found = Vec::new();
    let mut sink = |planes: &[f32]| {
        found.extend_from_slice(planes);
        Ok(())
    };
    let mut go_on = |_, _| ControlFlow::Continue(());
    let windows = SlidingWindow::predicting(WINDOW);
    let run = windows.run(&network, &image, SHAPE, &mut sink, &mut go_on);
    pollster::block_on(run).unwrap();
    found
}

#[test]
fn a_prediction_on_software_vulkan_is_that_of_the_cpu() {
    let (expected, found) = (logits(&cpu()), logits(&software_vulkan()));
    assert_eq!(found.len(), expected.len());
    for (n, (found, expected)) in found.iter().zip(&expected).enumerate() {
        let off = (found - expected).abs();
        assert!(off < 1e-4, "number {n} is {found}, not {expected}");
    }
}
