//! The gradients of a residual unit.
//!
//! The order of the steps is chosen so that each tensor goes as soon as it can.

use super::{Forward, Inputs, ResidualUnitBackend, convolve, forward, output};
use crate::kernels::conv3d::weight_gradient;
use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, NodeGuard, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, AutodiffBackend, TensorMetadata};

/// The hidden activation is computed again where it has at least so many channels for each that comes in.
const CHEAP: usize = 8;

/// What the backward pass needs.
#[derive(Debug, Clone)]
struct State<T> {
    inputs: Inputs<T>,
    /// None where it is computed again.
    hidden: Option<T>,
    weights: [T; 3],
    stats: [T; 3],
    y: T,
    slope: f32,
}

impl<T: TensorMetadata + Clone> State<T> {
    fn of(inputs: Inputs<T>, weights: [T; 3], forward: &Forward<T>, slope: f32) -> Self {
        let [outputs, incoming] = [0, 1].map(|axis| weights[0].shape()[axis]);
        let again = incoming * CHEAP <= outputs;
        State {
            inputs,
            hidden: (!again).then(|| forward.hidden.clone()),
            weights,
            stats: forward.stats.clone(),
            y: forward.y.clone(),
            slope,
        }
    }
}

/// The inputs' nodes come first, then those of the three weights.
#[derive(Debug)]
struct ResidualUnit;

fn backward<B: ResidualUnitBackend, const PARENTS: usize>(
    ops: Ops<State<FloatTensor<B>>, PARENTS>,
    grads: &mut Gradients,
) {
    let State {
        inputs,
        hidden,
        weights: [conv1, conv2, conv3],
        stats: [stats1, stats2, stats3],
        y,
        slope,
    } = ops.state;
    let grad = grads.consume::<B>(&ops.node);
    let mut parents = ops.parents.into_iter();
    let nodes: Vec<_> = parents.by_ref().take(PARENTS - 3).collect();
    let [node1, node2, node3] =
        [parents.next(), parents.next(), parents.next()].map(Option::flatten);

    let shortcut = convolve::<B>(&inputs, &conv3);
    let (grad2, grad3) = B::add_norms_backward(y, stats2, shortcut, stats3, grad, slope);

    let hidden = hidden.unwrap_or_else(|| {
        B::instance_norm_apply(convolve::<B>(&inputs, &conv1), stats1.clone(), slope)
    });
    if let Some(node) = node2 {
        let grad = B::same_conv3d_weight_gradient(hidden.clone(), grad2.clone(), 3);
        grads.register::<B>(node.id, grad);
    }
    let channels = hidden.shape()[4];
    let grad1 = B::same_conv3d_data_gradient(grad2, conv2, 0, channels);
    let grad1 = B::instance_norm_backward(hidden, stats1, grad1, slope);

    for (node, grad, kernel) in [(node1, &grad1, 3), (node3, &grad3, 1)] {
        if let Some(node) = node {
            let whole = weight_gradient::<B>(inputs.iter().cloned(), grad, kernel);
            grads.register::<B>(node.id, whole);
        }
    }
    let channels: Vec<usize> = inputs.iter().map(|x| x.shape()[4]).collect();
    drop(inputs);
    let mut first = 0;
    for (node, channels) in nodes.into_iter().zip(channels) {
        if let Some(node) = node {
            let part = |grad: &FloatTensor<B>, weight: &FloatTensor<B>| {
                B::same_conv3d_data_gradient(grad.clone(), weight.clone(), first, channels)
            };
            let whole = B::float_add(part(&grad1, &conv1), part(&grad3, &conv3));
            grads.register::<B>(node.id, whole);
        }
        first += channels;
    }
}

impl<B: ResidualUnitBackend> Backward<B, 4> for ResidualUnit {
    type State = State<FloatTensor<B>>;

    fn backward(self, ops: Ops<Self::State, 4>, grads: &mut Gradients, _: &mut Checkpointer) {
        backward::<B, 4>(ops, grads);
    }
}

impl<B: ResidualUnitBackend> Backward<B, 5> for ResidualUnit {
    type State = State<FloatTensor<B>>;

    fn backward(self, ops: Ops<Self::State, 5>, grads: &mut Gradients, _: &mut Checkpointer) {
        backward::<B, 5>(ops, grads);
    }
}

fn tracked<B, C, const PARENTS: usize>(
    nodes: [NodeGuard; PARENTS],
    inputs: Inputs<FloatTensor<B>>,
    weights: [FloatTensor<B>; 3],
    slope: f32,
) -> FloatTensor<Autodiff<B, C>>
where
    B: ResidualUnitBackend,
    C: CheckpointStrategy,
    ResidualUnit: Backward<B, PARENTS, State = State<FloatTensor<B>>>,
{
    let prepared = Backward::<B, PARENTS>::prepare::<C>(ResidualUnit, nodes);
    match prepared.compute_bound().stateful() {
        OpsKind::Tracked(prep) => {
            let forward = forward::<B>(&inputs, &weights, slope);
            let state = State::of(inputs, weights, &forward, slope);
            prep.finish(state, forward.y)
        }
        OpsKind::UnTracked(prep) => prep.finish(output::<B>(&inputs, &weights, slope)),
    }
}

impl<B: ResidualUnitBackend, C: CheckpointStrategy> ResidualUnitBackend for Autodiff<B, C> {
    fn residual_unit(
        x: FloatTensor<Self>,
        conv1: FloatTensor<Self>,
        conv2: FloatTensor<Self>,
        conv3: FloatTensor<Self>,
        slope: f32,
    ) -> FloatTensor<Self> {
        let nodes = [x.node(), conv1.node(), conv2.node(), conv3.node()];
        let inputs = Inputs {
            a: x.into_primitive(),
            b: None,
        };
        let weights = [conv1, conv2, conv3].map(|weight| weight.into_primitive());
        tracked::<B, C, 4>(nodes, inputs, weights, slope)
    }

    fn residual_unit_pair(
        a: FloatTensor<Self>,
        b: FloatTensor<Self>,
        conv1: FloatTensor<Self>,
        conv2: FloatTensor<Self>,
        conv3: FloatTensor<Self>,
        slope: f32,
    ) -> FloatTensor<Self> {
        let nodes = [a.node(), b.node(), conv1.node(), conv2.node(), conv3.node()];
        let inputs = Inputs {
            a: a.into_primitive(),
            b: Some(b.into_primitive()),
        };
        let weights = [conv1, conv2, conv3].map(|weight| weight.into_primitive());
        tracked::<B, C, 5>(nodes, inputs, weights, slope)
    }

    // The gradients of gradients are not needed: these are constants to autodiff.

    fn add_norms(
        x: FloatTensor<Self>,
        stats: FloatTensor<Self>,
        shortcut: FloatTensor<Self>,
        shortcut_stats: FloatTensor<Self>,
        slope: f32,
    ) -> FloatTensor<Self> {
        let [x, stats, shortcut, shortcut_stats] =
            [x, stats, shortcut, shortcut_stats].map(|tensor| tensor.into_primitive());
        let y = B::add_norms(x, stats, shortcut, shortcut_stats, slope);
        <Self as AutodiffBackend>::from_inner(y)
    }

    fn add_norms_backward(
        y: FloatTensor<Self>,
        stats: FloatTensor<Self>,
        shortcut: FloatTensor<Self>,
        shortcut_stats: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        slope: f32,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        let [y, stats, shortcut, shortcut_stats, grad] =
            [y, stats, shortcut, shortcut_stats, grad].map(|tensor| tensor.into_primitive());
        let (x, shortcut) = B::add_norms_backward(y, stats, shortcut, shortcut_stats, grad, slope);
        (
            <Self as AutodiffBackend>::from_inner(x),
            <Self as AutodiffBackend>::from_inner(shortcut),
        )
    }
}
