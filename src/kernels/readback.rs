//! Reading results back to the host: whatever was asked of a lost device before fails here.

use burn::Tensor;
use burn::tensor::{DType, TensorData, Transaction};
use std::fmt::Debug;

/// The device failed before its results were read back: lost, reset or out of memory. Holds its driver's words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct DeviceLost(pub String);

/// The values of an f32 tensor of any shape, in C order. Waits for all that was asked of its device.
///
/// # Errors
/// [`DeviceLost`].
///
/// # Panics
/// For a tensor that is not f32.
pub async fn read_back<const D: usize>(tensor: Tensor<D>) -> Result<Vec<f32>, DeviceLost> {
    check(&tensor);
    values_of(tensor.into_data_async()).await
}

/// The values of each of some f32 tensors, in one transfer. Without tensors the device is not asked.
///
/// # Errors
/// [`DeviceLost`].
///
/// # Panics
/// For a tensor that is not f32.
pub async fn read_back_all(
    tensors: impl IntoIterator<Item = Tensor<1>>,
) -> Result<Vec<Vec<f32>>, DeviceLost> {
    let mut tensors = tensors.into_iter().peekable();
    if tensors.peek().is_none() {
        return Ok(Vec::new());
    }
    let asked = tensors.fold(Transaction::default(), |asked, tensor| {
        check(&tensor);
        asked.register(tensor)
    });
    let data = asked.execute_async().await.map_err(lost)?;
    data.into_iter()
        .map(|data| data.try_into_vec::<f32>().map_err(lost))
        .collect()
}

/// The values of an f32 tensor that is on its way.
pub(crate) async fn values_of<E: Debug>(
    data: impl Future<Output = Result<TensorData, E>>,
) -> Result<Vec<f32>, DeviceLost> {
    let data = data.await.map_err(lost)?;
    data.try_into_vec::<f32>().map_err(lost)
}

/// A tensor of another type is no lost device, which the page would begin anew for.
fn check<const D: usize>(tensor: &Tensor<D>) {
    assert_eq!(tensor.dtype(), DType::F32, "what is read back is f32");
}

fn lost(error: impl Debug) -> DeviceLost {
    DeviceLost(format!("{error:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::{Device, FloatDType};

    fn tensor(values: &[f32]) -> Tensor<1> {
        let data = TensorData::new(values.to_vec(), [values.len()]);
        Tensor::from_data(data, &Device::flex())
    }

    #[test]
    fn values_come_back_in_order() {
        let table = tensor(&[1.0, 2.0, 3.0, 4.0]).reshape([2, 2]).transpose();
        let found = pollster::block_on(read_back(table));
        assert_eq!(found, Ok(vec![1.0, 3.0, 2.0, 4.0]));
        let found = pollster::block_on(read_back_all([tensor(&[5.0]), tensor(&[6.0, 7.0])]));
        assert_eq!(found, Ok(vec![vec![5.0], vec![6.0, 7.0]]));
        assert_eq!(pollster::block_on(read_back_all([])), Ok(Vec::new()));
    }

    #[test]
    #[should_panic(expected = "what is read back is f32")]
    fn a_tensor_of_another_type_is_no_lost_device() {
        let half = tensor(&[1.0]).cast(FloatDType::F16);
        let _ = pollster::block_on(read_back(half));
    }

    #[test]
    fn a_device_that_fails_is_told_of_in_its_own_words() {
        let data = std::future::ready(Err("out of memory"));
        let found = pollster::block_on(values_of(data)).map_err(|lost| lost.to_string());
        assert_eq!(found, Err("\"out of memory\"".to_owned()));
    }
}
