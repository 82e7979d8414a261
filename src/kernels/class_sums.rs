//! Sums over all voxels that Dice and cross-entropy are made of, straight from logits.
//!
//! Written with elementary operations, the loss keeps half a dozen tensors of the size of the logits for its backward
//! pass. Here the probabilities exist for a few voxels at a time and are worked out again on the way back.

use crate::kernels::cpu::class_sums::{gradient, sums};
use crate::kernels::gpu;
use crate::kernels::host::floats;
use burn::Tensor;
use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind, unary};
use burn::backend::flex::FlexTensor;
use burn::backend::tensor::FloatTensor;
use burn::backend::{
    Autodiff, AutodiffBackend, Backend, Dispatch, Flex, TensorMetadata, backend_extension,
};
#[cfg(feature = "fusion")]
use burn::tensor::Shape;
use burn::tensor::{FloatDType, TensorData};
use burn_cubecl::CubeBackend;

/// The sums and their gradient on a concrete backend. Logits are `[batch, depth, height, width, classes]`, labels
/// `[batch, depth, height, width, 1]` with whole numbers, all f32.
#[backend_extension(Autodiff, Cube, Flex, Fusion: cfg(feature = "fusion"))]
pub trait ClassSumsBackend: Backend {
    /// `[batch, 1, 1, 1, 3 * classes + 1]`: for each class the sum of its probability where it is the label, the sum
    /// of its probability, the number of its voxels; then the sum of minus the logarithm of the label's probability.
    #[fusion(dtype = { let _ = labels; logits }, shape = { let _ = labels; shape_of_sums(logits) })]
    fn class_sums(logits: FloatTensor<Self>, labels: FloatTensor<Self>) -> FloatTensor<Self>;

    /// Gradient of the logits from that of the sums.
    #[fusion(dtype = { let _ = (labels, grad); logits }, shape = { let _ = (labels, grad); logits.clone() })]
    fn class_sums_backward(
        logits: FloatTensor<Self>,
        labels: FloatTensor<Self>,
        grad: FloatTensor<Self>,
    ) -> FloatTensor<Self>;
}

#[cfg(feature = "fusion")]
fn shape_of_sums(logits: &Shape) -> Shape {
    Shape::from([logits[0], 1, 1, 1, 3 * logits[4] + 1])
}

impl ClassSumsBackend for CubeBackend {
    fn class_sums(logits: FloatTensor<Self>, labels: FloatTensor<Self>) -> FloatTensor<Self> {
        gpu::class_sums(logits, labels)
    }

    fn class_sums_backward(
        logits: FloatTensor<Self>,
        labels: FloatTensor<Self>,
        grad: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        gpu::class_sums_backward(logits, labels, grad)
    }
}

impl ClassSumsBackend for Flex {
    fn class_sums(logits: FloatTensor<Self>, labels: FloatTensor<Self>) -> FloatTensor<Self> {
        let [batch, classes] = [logits.shape()[0], logits.shape()[4]];
        let (logits, labels) = (logits.to_contiguous(), labels.to_contiguous());
        let sums = sums(floats(&logits), floats(&labels), batch, classes);
        let shape = [batch, 1, 1, 1, 3 * classes + 1];
        FlexTensor::from_data(TensorData::new(sums, shape))
    }

    fn class_sums_backward(
        logits: FloatTensor<Self>,
        labels: FloatTensor<Self>,
        grad: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        let shape = logits.shape();
        let [batch, classes] = [shape[0], shape[4]];
        let (logits, labels, grad) = (
            logits.to_contiguous(),
            labels.to_contiguous(),
            grad.to_contiguous(),
        );
        let slope = gradient(
            floats(&logits),
            floats(&labels),
            floats(&grad),
            batch,
            classes,
        );
        FlexTensor::from_data(TensorData::new(slope, shape))
    }
}

impl<B: ClassSumsBackend, C: CheckpointStrategy> ClassSumsBackend for Autodiff<B, C> {
    fn class_sums(logits: FloatTensor<Self>, labels: FloatTensor<Self>) -> FloatTensor<Self> {
        #[derive(Debug)]
        struct ClassSums;

        impl<B: ClassSumsBackend> Backward<B, 1> for ClassSums {
            type State = [FloatTensor<B>; 2];

            fn backward(
                self,
                ops: Ops<Self::State, 1>,
                grads: &mut Gradients,
                _: &mut Checkpointer,
            ) {
                let [logits, labels] = ops.state;
                unary::<B, _>(ops.parents, ops.node, grads, |grad| {
                    B::class_sums_backward(logits, labels, grad)
                });
            }
        }

        let prepared = ClassSums.prepare::<C>([logits.node()]);
        let state = [logits.into_primitive(), labels.into_primitive()];
        let [logits, labels] = state.clone();
        match prepared.compute_bound().stateful() {
            OpsKind::Tracked(prep) => prep.finish(state, B::class_sums(logits, labels)),
            OpsKind::UnTracked(prep) => prep.finish(B::class_sums(logits, labels)),
        }
    }

    // The gradient of the gradient is not needed: this is a constant to autodiff.

    fn class_sums_backward(
        logits: FloatTensor<Self>,
        labels: FloatTensor<Self>,
        grad: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        let [logits, labels, grad] = [logits, labels, grad].map(|x| x.into_primitive());
        <Self as AutodiffBackend>::from_inner(B::class_sums_backward(logits, labels, grad))
    }
}

/// What Dice and cross-entropy need of a batch, all differentiable by the logits but `labelled`.
#[derive(Debug, Clone)]
pub struct ClassSums {
    /// Sum of each class's probability where it is the label, `[batch, classes]`.
    pub overlap: Tensor<2>,
    /// Sum of each class's probability, `[batch, classes]`.
    pub predicted: Tensor<2>,
    /// Voxels of each class, `[batch, classes]`.
    pub labelled: Tensor<2>,
    /// Sum over voxels of minus the logarithm of the label's probability, `[batch, 1]`.
    pub entropy: Tensor<2>,
}

/// The sums for logits `[batch, depth, height, width, classes]` and labels `[batch, depth, height, width, 1]`, whole
/// numbers from 0 to `classes - 1`. Differentiable once.
pub fn class_sums(logits: Tensor<5>, labels: Tensor<5>) -> ClassSums {
    let shape = logits.dims();
    let (batch, classes) = (shape[0], shape[4]);
    let sums: Tensor<5> = Tensor::from_dispatch(<Dispatch as ClassSumsBackend>::class_sums(
        logits.cast(FloatDType::F32).into_dispatch(),
        labels.into_dispatch(),
    ));
    let sums = sums.reshape([batch, 3 * classes + 1]);
    let part = |index: usize| sums.clone().narrow(1, index * classes, classes);
    ClassSums {
        overlap: part(0),
        predicted: part(1),
        labelled: part(2),
        entropy: sums.clone().narrow(1, 3 * classes, 1),
    }
}
