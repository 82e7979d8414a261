//! Safetensors, the format of every weight file this project writes.

use crate::weights::{ParameterInfo, Values, WeightsError};
use safetensors::tensor::{Dtype, TensorView};
use safetensors::{SafeTensors, serialize};
use std::collections::HashMap;

/// The metadata entry in which files of this project say what network they hold: TOML, read by
/// [`ModelCard`](crate::config::ModelCard).
pub const CARD_ENTRY: &str = "hounsfield";

/// The bytes of a safetensors file with these parameters and at most one free-text entry of metadata: the format's
/// library writes several in no fixed order, and equal weights must be equal files.
///
/// # Errors
/// [`WeightsError::Format`] if a shape does not match its values.
pub fn encode(
    parameters: &[(ParameterInfo, Vec<f32>)],
    metadata: Option<(&str, &str)>,
) -> Result<Vec<u8>, WeightsError> {
    let views = parameters
        .iter()
        .map(|(info, values)| {
            // Little-endian machines only, as WebGPU itself: a float's bytes are the file's bytes.
            TensorView::new(Dtype::F32, info.shape.clone(), bytemuck::cast_slice(values))
                .map(|view| (info.name.as_str(), view))
        })
        .collect::<Result<Vec<_>, _>>()
        .map_err(|e| WeightsError::Format(e.to_string()))?;
    let metadata: HashMap<String, String> = metadata
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .into_iter()
        .collect();
    serialize(views, Some(metadata)).map_err(|e| WeightsError::Format(e.to_string()))
}

/// Reads the f32 tensors of a safetensors file.
///
/// # Errors
/// [`WeightsError::Format`] for a damaged file or a tensor of another type.
pub fn decode(bytes: &[u8]) -> Result<Values, WeightsError> {
    let file = SafeTensors::deserialize(bytes).map_err(|e| WeightsError::Format(e.to_string()))?;
    file.iter()
        .map(|(name, view)| match view.dtype() {
            Dtype::F32 => {
                let values = view
                    .data()
                    .chunks_exact(4)
                    .map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]))
                    .collect();
                Ok((name.to_owned(), values))
            }
            other => Err(WeightsError::Format(format!(
                "tensor {name} has type {other:?} where F32 is needed"
            ))),
        })
        .collect()
}
