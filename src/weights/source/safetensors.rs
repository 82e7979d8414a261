//! Tensors of a safetensors file of any float type.

use crate::weights::printable;
use crate::weights::source::tensor::Placement;
use crate::weights::source::{Contents, ElementType, ReadError, StoredTensor};
use safetensors::SafeTensors;
use safetensors::tensor::Dtype;

/// Whether a file begins as safetensors files do: the length of a header that is a JSON object.
pub(super) fn is_safetensors(file: &[u8]) -> bool {
    file.get(8) == Some(&b'{')
}

/// Reads a safetensors file; the format's library checks every offset.
///
/// # Errors
/// [`ReadError::Damaged`] or [`ReadError::Empty`].
pub(super) fn read_safetensors(file: &[u8]) -> Result<Contents<'_>, ReadError> {
    // The library's errors quote the file.
    let damaged = |e: safetensors::SafeTensorError| ReadError::damaged(printable(&e.to_string()));
    let read = SafeTensors::deserialize(file).map_err(damaged)?;
    // The library keeps the header's text entries apart from what it hands out.
    let (_, header) = SafeTensors::read_metadata(file).map_err(damaged)?;
    let metadata = (header.metadata().iter().flatten())
        .map(|(name, text)| (name.clone(), text.clone()))
        .collect();
    let mut tensors = Vec::with_capacity(read.len());
    for (name, view) in read.iter() {
        let shape = view.shape().to_vec();
        let mut strides = vec![1usize; shape.len()];
        for axis in (1..shape.len()).rev() {
            strides[axis - 1] = strides[axis].saturating_mul(shape[axis]);
        }
        let placement = Placement {
            shape,
            strides,
            offset: 0,
        };
        let name = name.to_owned();
        if name.chars().any(char::is_control) {
            return Err(ReadError::damaged(format!(
                "no name: {}",
                name.escape_debug()
            )));
        }
        let element = element(view.dtype());
        tensors.push(StoredTensor::new(
            name,
            element,
            placement,
            view.data(),
            false,
        )?);
    }
    if tensors.is_empty() {
        return Err(ReadError::Empty("nothing".to_owned()));
    }
    tensors.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(Contents {
        wrapper: None,
        tensors,
        ignored: Vec::new(),
        metadata,
    })
}

fn element(dtype: Dtype) -> ElementType {
    match dtype {
        Dtype::F64 => ElementType::F64,
        Dtype::F32 => ElementType::F32,
        Dtype::F16 => ElementType::F16,
        Dtype::BF16 => ElementType::Bf16,
        Dtype::BOOL | Dtype::U8 | Dtype::I8 => ElementType::Integer(1),
        Dtype::U16 | Dtype::I16 => ElementType::Integer(2),
        Dtype::U32 | Dtype::I32 => ElementType::Integer(4),
        Dtype::U64 | Dtype::I64 => ElementType::Integer(8),
        other => ElementType::Other(other.bitsize() / 8),
    }
}
