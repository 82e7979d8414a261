//! From logits to labels.

use crate::infer::{InferError, Probabilities, SlidingWindow, WindowNetwork};
use crate::transform::{LabelRestorer, Prepared, best_class};
use std::ops::ControlFlow;

/// Labels of a volume on its own grid, `shape` in C order: the largest logit of every voxel. `keep` takes the classes'
/// probabilities beside them.
///
/// # Errors
/// Those of [`SlidingWindow::run`].
pub async fn segment(
    network: &impl WindowNetwork,
    image: &[f32],
    shape: [usize; 3],
    settings: &SlidingWindow,
    mut keep: Option<&mut Probabilities>,
    progress: &mut dyn FnMut(usize, usize) -> ControlFlow<()>,
) -> Result<Vec<u8>, InferError> {
    let classes = network.classes();
    let mut labels: Vec<u8> = Vec::with_capacity(image.len());
    let mut sink = |logits: &[f32]| {
        labels.extend(logits.chunks_exact(classes.max(1)).map(best_class));
        if let Some(keep) = &mut keep {
            keep.push(logits);
        }
        Ok(())
    };
    settings
        .run(network, image, shape, &mut sink, progress)
        .await?;
    Ok(labels)
}

/// Labels of a prepared volume on the grid of the file it came from, in C order: logits are interpolated onto its
/// voxels, then the largest one wins. Voxels outside the foreground's box are background. `keep` takes the classes'
/// probabilities on the prepared grid.
///
/// # Errors
/// Those of [`SlidingWindow::run`] and of the way back.
pub async fn segment_input(
    network: &impl WindowNetwork,
    prepared: &Prepared,
    settings: &SlidingWindow,
    mut keep: Option<&mut Probabilities>,
    progress: &mut dyn FnMut(usize, usize) -> ControlFlow<()>,
) -> Result<Vec<u8>, InferError> {
    let mut restorer = LabelRestorer::new(&prepared.geometry, network.classes())?;
    let mut sink = |logits: &[f32]| {
        if let Some(keep) = &mut keep {
            keep.push(logits);
        }
        Ok(restorer.push(logits)?)
    };
    let shape = prepared.image.shape();
    let image = prepared.image.data();
    settings
        .run(network, image, shape, &mut sink, progress)
        .await?;
    Ok(restorer.finish()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::infer::{DeviceNetwork, WindowError};
    use crate::nn::{Architecture, Segmenter, SegmenterConfig, UnetrConfig, VitConfig};
    use burn::tensor::Device;

    #[test]
    fn an_image_without_one_value_a_voxel_is_refused() {
        let window = [8; 3];
        let config = SegmenterConfig {
            architecture: Architecture::Unet,
            sizes: UnetrConfig {
                vit: VitConfig {
                    image_size: window,
                    patch_size: 4,
                    hidden_size: 4,
                    mlp_dim: 4,
                    layers: 1,
                    heads: 1,
                },
                feature_size: 2,
                classes: 2,
            },
        };
        let device = Device::flex();
        let network = Segmenter::zeros(&config, &device).unwrap();
        let network = DeviceNetwork {
            network: &network,
            device: &device,
        };
        let settings = SlidingWindow::predicting(window);
        let labels = |values: usize, shape| {
            let image = vec![1.0; values];
            let mut go_on = |_, _| ControlFlow::Continue(());
            let found = segment(&network, &image, shape, &settings, None, &mut go_on);
            pollster::block_on(found)
        };
        assert_eq!(labels(512, [8; 3]).unwrap(), [0u8; 512]);
        for (values, shape) in [(511, [8; 3]), (513, [8; 3]), (512, [8, 8, 9]), (0, [8; 3])] {
            let expected = WindowError::Values {
                found: values,
                shape,
            };
            let found = labels(values, shape);
            assert!(
                matches!(&found, Err(InferError::Window(error)) if *error == expected),
                "{values} values for {shape:?}: {found:?}"
            );
        }
        // No such volume, and no room is asked for.
        let found = labels(8, [usize::MAX; 3]);
        assert!(
            matches!(found, Err(InferError::Window(WindowError::Size { .. }))),
            "{found:?}"
        );
    }
}
