//! An optimiser's passes over every parameter as single kernels on GPUs: a network has hundreds of parameters, and what
//! a step costs there is largely how many kernels it launches.

use crate::kernels::gpu::{self, AdamStep};
use burn::Tensor;
#[cfg(feature = "fusion")]
use burn::backend::fusion::custom::TensorSpec;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, Dispatch, backend_extension};
use burn_cubecl::CubeBackend;

/// The passes on a GPU's backend; everything is f32.
#[backend_extension(Cube, Fusion: cfg(feature = "fusion"))]
pub trait UpdateBackend: Backend {
    /// `sums` with the partial sums of the squares of `x` from `first` on.
    #[fusion(dtype = { let _ = x; sums }, shape = { let _ = x; sums.clone() })]
    fn square_sum(sums: FloatTensor<Self>, x: FloatTensor<Self>, first: usize)
    -> FloatTensor<Self>;

    /// Weight and moments after Adam's update; see [`adam`].
    #[fusion(meta = updated)]
    fn adam_update(
        weight: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        first: FloatTensor<Self>,
        second: FloatTensor<Self>,
        factor: FloatTensor<Self>,
        step: AdamStep,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>);
}

#[cfg(feature = "fusion")]
fn updated(
    weight: &TensorSpec,
    _gradient: &TensorSpec,
    first: &TensorSpec,
    second: &TensorSpec,
    _factor: &TensorSpec,
    _step: &AdamStep,
) -> (TensorSpec, TensorSpec, TensorSpec) {
    (weight.clone(), first.clone(), second.clone())
}

impl UpdateBackend for CubeBackend {
    fn square_sum(
        sums: FloatTensor<Self>,
        x: FloatTensor<Self>,
        first: usize,
    ) -> FloatTensor<Self> {
        gpu::square_sum(sums, x, first)
    }

    fn adam_update(
        weight: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        first: FloatTensor<Self>,
        second: FloatTensor<Self>,
        factor: FloatTensor<Self>,
        step: AdamStep,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        gpu::adam(weight, gradient, first, second, factor, step)
    }
}

/// Partial sums, whose total is the sum of the squares of all `tensors`, f32 on a GPU; none without tensors.
pub(crate) fn square_sums<'a>(
    tensors: impl Iterator<Item = &'a Tensor<1>> + Clone,
) -> Option<Tensor<1>> {
    let parts = |x: &Tensor<1>| gpu::parts(x.dims()[0]);
    let count = tensors.clone().map(parts).sum::<usize>();
    let (mut sums, mut first): (Option<Tensor<1>>, usize) = (None, 0);
    for x in tensors {
        let so_far = sums
            .take()
            .unwrap_or_else(|| Tensor::empty([count], &x.device()));
        sums = Some(Tensor::from_dispatch(
            <Dispatch as UpdateBackend>::square_sum(
                so_far.into_dispatch(),
                x.clone().into_dispatch(),
                first,
            ),
        ));
        first += parts(x);
    }
    sums
}

/// A flat parameter and its moments after one update of Adam, on a GPU and outside the autodiff graph. A `factor` `[1]`
/// multiplies the gradient; 0 leaves everything as it is.
pub(crate) fn adam(
    weight: Tensor<1>,
    gradient: Tensor<1>,
    [first, second]: [Tensor<1>; 2],
    factor: Tensor<1>,
    step: AdamStep,
) -> [Tensor<1>; 3] {
    let (weight, first, second) = <Dispatch as UpdateBackend>::adam_update(
        weight.into_dispatch(),
        gradient.into_dispatch(),
        first.into_dispatch(),
        second.into_dispatch(),
        factor.into_dispatch(),
        step,
    );
    [weight, first, second].map(Tensor::from_dispatch)
}
