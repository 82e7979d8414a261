//! The CPU backend: telling it from a GPU, and passes over its memory on all cores.

use crate::kernels::cpu;
use burn::backend::flex::FlexTensor;
use burn::backend::{DispatchDevice, TensorMetadata};
use burn::tensor::{DType, Device, TensorData};
use macerator::{AutoArch, Simd, WithSimd};

/// Numbers one task handles where rows do not matter: they stay in the second-level cache.
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
    let [out] = fill(
        [x],
        CHUNK,
        #[inline(always)]
        |[out], [x]| work(out, x),
    )?;
    Some(out)
}

/// `work(outs, x, y)` over chunks of two f32 tensors of one shape, for one or more results; none for others.
pub(super) fn map2<const M: usize>(
    x: &FlexTensor,
    y: &FlexTensor,
    work: impl Fn([&mut [f32]; M], &[f32], &[f32]) + Sync,
) -> Option<[FlexTensor; M]> {
    fill(
        [x, y],
        CHUNK,
        #[inline(always)]
        |outs, [x, y]| work(outs, x, y),
    )
}

/// `work(out, x)` over each row, the last axis, of an f32 tensor; none for a tensor of another type.
pub(super) fn rows(x: &FlexTensor, work: impl Fn(&mut [f32], &[f32]) + Sync) -> Option<FlexTensor> {
    let row = row_length(x);
    let [out] = fill(
        [x],
        tasks_of(row),
        #[inline(always)]
        |[out], [x]| {
            for (out, x) in out.chunks_mut(row).zip(x.chunks(row)) {
                work(out, x);
            }
        },
    )?;
    Some(out)
}

/// `work(out, x, y)` over each row of two f32 tensors of one shape; none for others.
pub(super) fn rows2(
    x: &FlexTensor,
    y: &FlexTensor,
    work: impl Fn(&mut [f32], &[f32], &[f32]) + Sync,
) -> Option<FlexTensor> {
    let row = row_length(x);
    let [out] = fill(
        [x, y],
        tasks_of(row),
        #[inline(always)]
        |[out], [x, y]| {
            for ((out, x), y) in out.chunks_mut(row).zip(x.chunks(row)).zip(y.chunks(row)) {
                work(out, x, y);
            }
        },
    )?;
    Some(out)
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

/// Whole rows of at least one number, about as many as [`CHUNK`].
pub(super) fn tasks_of(row: usize) -> usize {
    row * (CHUNK / row).max(1)
}

/// `work(outs, inputs)` over chunks of f32 tensors of one shape; none where one is of another type.
fn fill<const N: usize, const M: usize>(
    inputs: [&FlexTensor; N],
    chunk: usize,
    work: impl Fn([&mut [f32]; M], [&[f32]; N]) + Sync,
) -> Option<[FlexTensor; M]> {
    if inputs.iter().any(|input| input.dtype() != DType::F32) {
        return None;
    }
    let inputs = inputs.map(FlexTensor::to_contiguous);
    let shape = inputs[0].shape();
    let slices = inputs.each_ref().map(floats);
    let outs = cpu::fill(1, shape.num_elements(), chunk, |_, start, mut outs| {
        let count = outs.first().map_or(0, |out| out.len());
        let inputs = slices.map(|x| x.get(start..start + count).unwrap_or_default());
        vectorised(
            #[inline(always)]
            || work(outs.each_mut().map(|out| &mut **out), inputs),
        );
    });
    Some(outs.map(|out| FlexTensor::from_data(TensorData::new(out, shape.clone()))))
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
