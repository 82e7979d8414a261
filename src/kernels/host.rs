//! The CPU backend: telling it from a GPU, and passes over its memory on all cores.

use crate::platform::map_chunks;
use burn::backend::flex::FlexTensor;
use burn::backend::{DispatchDevice, TensorMetadata};
use burn::tensor::{DType, Device, TensorData};
use macerator::{AutoArch, Simd, WithSimd};

/// Numbers one task handles where rows do not matter.
const CHUNK: usize = 1 << 14;

/// Whether a device, with or without autodiff, is the CPU backend, whose tensors are host memory.
pub fn is_cpu(device: &Device) -> bool {
    matches!(
        device.clone().inner().as_dispatch(),
        DispatchDevice::Flex(_)
    )
}

/// Runs `work` compiled for the widest registers of this machine: loops in it that the compiler can vectorise are, as far as
/// what they call is inlined. Sums keep their order, and nothing is fused, so the result is the same on all.
#[inline(always)]
pub(crate) fn vectorised<R>(work: impl FnMut() -> R) -> R {
    // macerator takes closures too, but calls them through the compiler's shim from `Fn` to `FnOnce`, which is compiled
    // for the smallest registers and swallows what it calls.
    struct Work<F>(F);

    impl<R, F: FnMut() -> R> WithSimd for Work<F> {
        type Output = R;

        #[inline(always)]
        fn with_simd<S: Simd>(mut self) -> R {
            (self.0)()
        }
    }

    AutoArch::new().dispatch(Work(work))
}

/// The numbers of a contiguous f32 tensor.
///
/// # Panics
/// For any other tensor: nothing in its place would pass for data.
pub(super) fn floats(tensor: &FlexTensor) -> &[f32] {
    let values = tensor.as_slice();
    assert!(
        values.is_some(),
        "a contiguous tensor of f32, not of {:?}",
        tensor.dtype()
    );
    values.unwrap_or_default()
}

/// `work(out, x)` over chunks of an f32 tensor; none for a tensor of another type.
pub(super) fn map(x: &FlexTensor, work: impl Fn(&mut [f32], &[f32]) + Sync) -> Option<FlexTensor> {
    if x.dtype() != DType::F32 {
        return None;
    }
    Some(fill(
        [x],
        CHUNK,
        #[inline(always)]
        |out, [x]| work(out, x),
    ))
}

/// `work(out, x, y)` over chunks of two f32 tensors of one shape; none for others.
pub(super) fn map2(
    x: &FlexTensor,
    y: &FlexTensor,
    work: impl Fn(&mut [f32], &[f32], &[f32]) + Sync,
) -> Option<FlexTensor> {
    if x.dtype() != DType::F32 || y.dtype() != DType::F32 {
        return None;
    }
    Some(fill(
        [x, y],
        CHUNK,
        #[inline(always)]
        |out, [x, y]| work(out, x, y),
    ))
}

/// `work(out, x)` over each row, the last axis, of an f32 tensor; none for a tensor of another type.
pub(super) fn rows(x: &FlexTensor, work: impl Fn(&mut [f32], &[f32]) + Sync) -> Option<FlexTensor> {
    if x.dtype() != DType::F32 {
        return None;
    }
    let row = row_length(x);
    Some(fill(
        [x],
        tasks_of(row),
        #[inline(always)]
        |out, [x]| {
            for (out, x) in out.chunks_mut(row).zip(x.chunks(row)) {
                work(out, x);
            }
        },
    ))
}

/// `work(out, x, y)` over each row of two f32 tensors of one shape; none for others.
pub(super) fn rows2(
    x: &FlexTensor,
    y: &FlexTensor,
    work: impl Fn(&mut [f32], &[f32], &[f32]) + Sync,
) -> Option<FlexTensor> {
    if x.dtype() != DType::F32 || y.dtype() != DType::F32 {
        return None;
    }
    let row = row_length(x);
    Some(fill(
        [x, y],
        tasks_of(row),
        #[inline(always)]
        |out, [x, y]| {
            for ((out, x), y) in out.chunks_mut(row).zip(x.chunks(row)).zip(y.chunks(row)) {
                work(out, x, y);
            }
        },
    ))
}

fn row_length(x: &FlexTensor) -> usize {
    x.layout()
        .shape()
        .as_slice()
        .last()
        .copied()
        .unwrap_or(1)
        .max(1)
}

/// Whole rows, about as many numbers as [`CHUNK`].
fn tasks_of(row: usize) -> usize {
    row * (CHUNK / row).max(1)
}

fn fill<const N: usize>(
    inputs: [&FlexTensor; N],
    chunk: usize,
    work: impl Fn(&mut [f32], [&[f32]; N]) + Sync,
) -> FlexTensor {
    let inputs = inputs.map(FlexTensor::to_contiguous);
    let shape = inputs[0].shape();
    let count = shape.num_elements();
    let mut out = vec![0.0; count];
    let slices = inputs.each_ref().map(floats);
    map_chunks(&mut out, slices, chunk, |out, inputs| {
        vectorised(
            #[inline(always)]
            || work(out, inputs),
        );
    });
    FlexTensor::from_data(TensorData::new(out, shape))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[should_panic(expected = "of F64")]
    fn a_tensor_of_another_type_is_no_empty_slice() {
        floats(&FlexTensor::from_data(TensorData::new(vec![1.0f64], [1])));
    }
}
