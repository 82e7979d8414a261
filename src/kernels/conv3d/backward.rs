//! The gradients of a convolution.

use super::Conv3dBackend;
use burn::backend::autodiff::NodeId;
use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, AutodiffBackend, TensorMetadata};
use burn::tensor::Shape;

/// What the backward pass needs of one input: its node, where its channels begin in the weight, and how many there are.
#[derive(Debug, Clone)]
struct Input {
    node: NodeId,
    first: usize,
    channels: usize,
}

#[derive(Debug, Clone)]
struct State<const INPUTS: usize> {
    inputs: [Input; INPUTS],
    weight: NodeId,
    kernel: usize,
}

/// Backward of a convolution of one or two inputs; the weight is the last parent.
#[derive(Debug)]
struct Conv3d;

/// Gradient of all weights, from inputs that stand for their channels side by side.
pub(in crate::kernels) fn weight_gradient<B: Conv3dBackend>(
    inputs: impl Iterator<Item = FloatTensor<B>>,
    grad: &FloatTensor<B>,
    kernel: usize,
) -> FloatTensor<B> {
    let parts = inputs
        .map(|x| B::same_conv3d_weight_gradient(x, grad.clone(), kernel))
        .collect::<Vec<_>>();
    match <[_; 1]>::try_from(parts) {
        Ok([one]) => one,
        Err(parts) => B::float_cat(parts, 1),
    }
}

fn backward<B: Conv3dBackend, const INPUTS: usize, const PARENTS: usize>(
    ops: Ops<State<INPUTS>, PARENTS>,
    grads: &mut Gradients,
    checkpointer: &mut Checkpointer,
) {
    let state = ops.state;
    let grad = grads.consume::<B>(&ops.node);
    if let Some(node) = &ops.parents[INPUTS] {
        let inputs = state.inputs.iter();
        let inputs = inputs.map(|input| checkpointer.retrieve_node_output(input.node));
        let whole = weight_gradient::<B>(inputs, &grad, state.kernel);
        grads.register::<B>(node.id, whole);
    }
    let weight: FloatTensor<B> = checkpointer.retrieve_node_output(state.weight);
    for (input, parent) in state.inputs.iter().zip(&ops.parents) {
        if let Some(node) = parent {
            let part = B::same_conv3d_data_gradient(
                grad.clone(),
                weight.clone(),
                input.first,
                input.channels,
            );
            grads.register::<B>(node.id, part);
        }
    }
}

impl<B: Conv3dBackend> Backward<B, 2> for Conv3d {
    type State = State<1>;

    fn backward(
        self,
        ops: Ops<Self::State, 2>,
        grads: &mut Gradients,
        checkpointer: &mut Checkpointer,
    ) {
        backward::<B, 1, 2>(ops, grads, checkpointer);
    }
}

impl<B: Conv3dBackend> Backward<B, 3> for Conv3d {
    type State = State<2>;

    fn backward(
        self,
        ops: Ops<Self::State, 3>,
        grads: &mut Gradients,
        checkpointer: &mut Checkpointer,
    ) {
        backward::<B, 2, 3>(ops, grads, checkpointer);
    }
}

/// The part of the backward pass's needs that shapes tell.
fn input(node: NodeId, first: usize, shape: &Shape) -> Input {
    Input {
        node,
        first,
        channels: shape[4],
    }
}

impl<B: Conv3dBackend, C: CheckpointStrategy> Conv3dBackend for Autodiff<B, C> {
    fn same_conv3d(x: FloatTensor<Self>, weight: FloatTensor<Self>) -> FloatTensor<Self> {
        let kernel = weight.shape()[2];
        let shape = x.shape();
        let prepared = Backward::<B, 2>::prepare::<C>(Conv3d, [x.node(), weight.node()]);
        match prepared.compute_bound().stateful() {
            OpsKind::Tracked(mut prep) => {
                let state = State {
                    inputs: [input(prep.checkpoint(&x), 0, &shape)],
                    weight: prep.checkpoint(&weight),
                    kernel,
                };
                let y = B::same_conv3d(x.into_primitive(), weight.into_primitive());
                prep.finish(state, y)
            }
            OpsKind::UnTracked(prep) => {
                prep.finish(B::same_conv3d(x.into_primitive(), weight.into_primitive()))
            }
        }
    }

    fn same_conv3d_pair(
        a: FloatTensor<Self>,
        b: FloatTensor<Self>,
        weight: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        let kernel = weight.shape()[2];
        let (first, second) = (a.shape(), b.shape());
        let prepared = Backward::<B, 3>::prepare::<C>(Conv3d, [a.node(), b.node(), weight.node()]);
        match prepared.compute_bound().stateful() {
            OpsKind::Tracked(mut prep) => {
                let state = State {
                    inputs: [
                        input(prep.checkpoint(&a), 0, &first),
                        input(prep.checkpoint(&b), first[4], &second),
                    ],
                    weight: prep.checkpoint(&weight),
                    kernel,
                };
                let (a, b) = (a.into_primitive(), b.into_primitive());
                let y = B::same_conv3d_pair(a, b, weight.into_primitive());
                prep.finish(state, y)
            }
            OpsKind::UnTracked(prep) => prep.finish(B::same_conv3d_pair(
                a.into_primitive(),
                b.into_primitive(),
                weight.into_primitive(),
            )),
        }
    }

    // The gradients of gradients are not needed: these are constants to autodiff.

    fn same_conv3d_data_gradient(
        grad: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        first: usize,
        channels: usize,
    ) -> FloatTensor<Self> {
        let (grad, weight) = (grad.into_primitive(), weight.into_primitive());
        <Self as AutodiffBackend>::from_inner(B::same_conv3d_data_gradient(
            grad, weight, first, channels,
        ))
    }

    fn same_conv3d_weight_gradient(
        x: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        kernel: usize,
    ) -> FloatTensor<Self> {
        let (x, grad) = (x.into_primitive(), grad.into_primitive());
        <Self as AutodiffBackend>::from_inner(B::same_conv3d_weight_gradient(x, grad, kernel))
    }
}
