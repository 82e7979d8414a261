//! Validation: mean absolute error of the reconstruction, without gradients.

use crate::dataset::{Batches, TrainingBatch};
use crate::kernels::mean_all;
use crate::nn::ViTAutoEncoder;
use crate::train::{Control, TrainError, upload};
use burn::Tensor;
use burn::tensor::{Device, Transaction};

/// A crop with its views and its reconstruction, on the host in C order.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Picture {
    /// Voxels on each axis.
    pub shape: [usize; 3],
    /// The clean crop.
    pub original: Vec<f32>,
    /// First view.
    pub view1: Vec<f32>,
    /// Second view.
    pub view2: Vec<f32>,
    /// Reconstruction of the first view.
    pub reconstruction: Vec<f32>,
}

/// Mean over all validation crops of `|f(view 1) - crop|` (specification 7.4, each crop with the same weight), or
/// `None` if stopped. Only the first view passes the network.
///
/// # Errors
/// [`TrainError`] for a volume that cannot be read or a lost device.
pub async fn validate(
    network: &ViTAutoEncoder,
    batches: &Batches,
    epoch: u64,
    device: &Device,
    control: &Control,
) -> Result<Option<f64>, TrainError> {
    let device = device.clone().inner();
    let mut transaction = Transaction::default();
    let mut crops = Vec::new();
    for step in 0..batches.steps_per_epoch() {
        if control.stopped() {
            return Ok(None);
        }
        let batch = batches.make(epoch, step)?;
        // One crop at a time: a validation needs no more memory than a step does.
        let voxels = batch.patch.iter().product::<usize>();
        for (view, target) in batch
            .view1
            .chunks_exact(voxels)
            .zip(batch.target.chunks_exact(voxels))
        {
            let output = network
                .forward(upload(view.to_vec(), batch.patch, &device), false)
                .volume;
            let target = upload(target.to_vec(), batch.patch, &device);
            transaction = transaction.register(mean_all((output - target).abs()));
            crops.push(());
        }
    }
    let data = transaction
        .execute_async()
        .await
        .map_err(|e| TrainError::Device(format!("{e:?}")))?;
    let sum: f64 = data
        .iter()
        .flat_map(|d| d.iter::<f32>().next())
        .map(f64::from)
        .sum();
    Ok(Some(sum / crops.len().max(1) as f64))
}

/// The first crop of a batch with its views and what the network makes of the first.
///
/// # Errors
/// [`TrainError::Device`] for a lost device.
pub async fn picture(
    network: &ViTAutoEncoder,
    batch: &TrainingBatch,
    device: &Device,
) -> Result<Picture, TrainError> {
    let voxels = batch.patch.iter().product::<usize>();
    let first = |values: &[f32]| values.get(..voxels).unwrap_or_default().to_vec();
    let view1 = first(&batch.view1);
    let output: Tensor<5> = network
        .forward(
            upload(view1.clone(), batch.patch, &device.clone().inner()),
            false,
        )
        .volume;
    let reconstruction = output
        .into_data_async()
        .await
        .map_err(|e| TrainError::Device(format!("{e:?}")))?
        .try_into_vec()
        .map_err(|e| TrainError::Device(format!("{e:?}")))?;
    Ok(Picture {
        shape: batch.patch,
        original: first(&batch.target),
        view1,
        view2: first(&batch.view2),
        reconstruction,
    })
}
