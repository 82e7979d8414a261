//! The residual unit of UNETR's convolutional half as one operation, which keeps less for its gradients than its parts
//! would.
//!
//! Kept are the inputs, the hidden activation and the output. The projected shortcut
//! is computed again in the backward pass, as is the hidden activation where few channels come in: a 1x1x1 convolution,
//! or a 3x3x3 one of a single channel, costs little beside a tensor at full resolution (as in Chen et al., Training Deep
//! Nets with Sublinear Memory Cost, 2016).

mod backward;

use crate::kernels::conv3d::check;
use crate::kernels::{Conv3dBackend, InstanceNormBackend, flex, gpu};
use burn::Tensor;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Dispatch, Flex, backend_extension};
use burn_cubecl::CubeBackend;

/// The residual unit on a concrete backend. Activations are `[batch, depth, height, width, channels]`; `conv1` and
/// `conv2` have kernels of 3x3x3, `conv3` of 1x1x1. Statistics are those of
/// [`InstanceNormBackend::instance_norm_stats`].
#[backend_extension(Autodiff, Cube, Flex, Fusion: cfg(feature = "fusion"))]
pub(crate) trait ResidualUnitBackend: Conv3dBackend + InstanceNormBackend {
    /// The unit of one input.
    #[fusion(default)]
    fn residual_unit(
        x: FloatTensor<Self>,
        conv1: FloatTensor<Self>,
        conv2: FloatTensor<Self>,
        conv3: FloatTensor<Self>,
        slope: f32,
    ) -> FloatTensor<Self> {
        let inputs = Inputs { a: x, b: None };
        output::<Self>(&inputs, &[conv1, conv2, conv3], slope)
    }

    /// The unit of `a` and `b` concatenated along the channels.
    #[fusion(default)]
    fn residual_unit_pair(
        a: FloatTensor<Self>,
        b: FloatTensor<Self>,
        conv1: FloatTensor<Self>,
        conv2: FloatTensor<Self>,
        conv3: FloatTensor<Self>,
        slope: f32,
    ) -> FloatTensor<Self> {
        let inputs = Inputs { a, b: Some(b) };
        output::<Self>(&inputs, &[conv1, conv2, conv3], slope)
    }

    /// `leaky_relu(norm(x) + norm(shortcut))`, each by its own statistics.
    #[fusion(
        dtype = { let _ = (stats, shortcut, shortcut_stats); x },
        shape = { let _ = (stats, shortcut, shortcut_stats); x.clone() },
    )]
    fn add_norms(
        x: FloatTensor<Self>,
        stats: FloatTensor<Self>,
        shortcut: FloatTensor<Self>,
        shortcut_stats: FloatTensor<Self>,
        slope: f32,
    ) -> FloatTensor<Self>;

    /// Gradients of `x` and of the shortcut from what [`Self::add_norms`] gave and its gradient.
    #[fusion(meta = |y, _, _, _, _, _| (y.clone(), y.clone()))]
    fn add_norms_backward(
        y: FloatTensor<Self>,
        stats: FloatTensor<Self>,
        shortcut: FloatTensor<Self>,
        shortcut_stats: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        slope: f32,
    ) -> (FloatTensor<Self>, FloatTensor<Self>);
}

macro_rules! forward_to {
    ($backend:ty, $kernels:ident) => {
        impl ResidualUnitBackend for $backend {
            fn add_norms(
                x: FloatTensor<Self>,
                stats: FloatTensor<Self>,
                shortcut: FloatTensor<Self>,
                shortcut_stats: FloatTensor<Self>,
                slope: f32,
            ) -> FloatTensor<Self> {
                $kernels::add_norms([x, shortcut], [stats, shortcut_stats], slope)
            }

            fn add_norms_backward(
                y: FloatTensor<Self>,
                stats: FloatTensor<Self>,
                shortcut: FloatTensor<Self>,
                shortcut_stats: FloatTensor<Self>,
                grad: FloatTensor<Self>,
                slope: f32,
            ) -> (FloatTensor<Self>, FloatTensor<Self>) {
                $kernels::add_norms_backward([y, shortcut], [stats, shortcut_stats], grad, slope)
            }
        }
    };
}

forward_to!(CubeBackend, gpu);
forward_to!(Flex, flex);

/// One tensor, or two that stand for their channels side by side.
#[derive(Debug, Clone)]
struct Inputs<T> {
    a: T,
    b: Option<T>,
}

impl<T> Inputs<T> {
    fn iter(&self) -> impl Iterator<Item = &T> {
        std::iter::once(&self.a).chain(&self.b)
    }
}

fn convolve<B: Conv3dBackend>(
    x: &Inputs<FloatTensor<B>>,
    weight: &FloatTensor<B>,
) -> FloatTensor<B> {
    match &x.b {
        None => B::same_conv3d(x.a.clone(), weight.clone()),
        Some(b) => B::same_conv3d_pair(x.a.clone(), b.clone(), weight.clone()),
    }
}

/// What the forward pass gives.
struct Forward<T> {
    hidden: T,
    /// Of the results of the three convolutions.
    stats: [T; 3],
    y: T,
}

fn forward<B: ResidualUnitBackend>(
    x: &Inputs<FloatTensor<B>>,
    [conv1, conv2, conv3]: &[FloatTensor<B>; 3],
    slope: f32,
) -> Forward<FloatTensor<B>> {
    let (hidden, stats1) = hidden::<B>(x, conv1, slope);
    let y = B::same_conv3d(hidden.clone(), conv2.clone());
    let (y, [stats2, stats3]) = joined::<B>(x, y, conv3, slope);
    Forward {
        hidden,
        stats: [stats1, stats2, stats3],
        y,
    }
}

/// The same where no backward pass comes: the hidden activation goes as soon as it is convolved.
fn output<B: ResidualUnitBackend>(
    x: &Inputs<FloatTensor<B>>,
    [conv1, conv2, conv3]: &[FloatTensor<B>; 3],
    slope: f32,
) -> FloatTensor<B> {
    let (hidden, _) = hidden::<B>(x, conv1, slope);
    let y = B::same_conv3d(hidden, conv2.clone());
    joined::<B>(x, y, conv3, slope).0
}

/// The hidden activation, and the statistics of what it was normalised from.
fn hidden<B: ResidualUnitBackend>(
    x: &Inputs<FloatTensor<B>>,
    conv1: &FloatTensor<B>,
    slope: f32,
) -> (FloatTensor<B>, FloatTensor<B>) {
    let hidden = convolve::<B>(x, conv1);
    let stats = B::instance_norm_stats(hidden.clone());
    let hidden = B::instance_norm_apply(hidden, stats.clone(), slope);
    (hidden, stats)
}

/// The unit's output from the second convolution's, and the statistics of that and of the shortcut.
fn joined<B: ResidualUnitBackend>(
    x: &Inputs<FloatTensor<B>>,
    y: FloatTensor<B>,
    conv3: &FloatTensor<B>,
    slope: f32,
) -> (FloatTensor<B>, [FloatTensor<B>; 2]) {
    let stats = B::instance_norm_stats(y.clone());
    let shortcut = convolve::<B>(x, conv3);
    let shortcut_stats = B::instance_norm_stats(shortcut.clone());
    let y = B::add_norms(y, stats.clone(), shortcut, shortcut_stats.clone(), slope);
    (y, [stats, shortcut_stats])
}

/// The weights of a residual unit, in PyTorch's layout.
#[derive(Debug, Clone)]
pub(crate) struct ResidualWeights {
    /// `[out, in, 3, 3, 3]`.
    pub(crate) conv1: Tensor<5>,
    /// `[out, out, 3, 3, 3]`.
    pub(crate) conv2: Tensor<5>,
    /// `[out, in, 1, 1, 1]`.
    pub(crate) conv3: Tensor<5>,
}

/// `leaky_relu(norm(conv2 leaky_relu(norm(conv1 x))) + norm(conv3 x))` of the channels of `a` followed by those of `b`,
/// each `[batch, depth, height, width, channels]` (specification 5.4): convolutions as in [`crate::kernels::conv3d`],
/// norms as in [`crate::kernels::instance_norm`]. `slope` is above 0. Gives `[batch, depth, height, width, out]`;
/// differentiable once.
///
/// # Panics
/// When a weight is for another number of channels or has another kernel, or `a` and `b` differ in more than channels.
pub(crate) fn residual_unit(
    a: Tensor<5>,
    b: Option<Tensor<5>>,
    weights: ResidualWeights,
    slope: f32,
) -> Tensor<5> {
    let ResidualWeights {
        conv1,
        conv2,
        conv3,
    } = weights;
    let mut channels = a.dims()[4];
    if let Some(b) = &b {
        assert_eq!(a.dims()[..4], b.dims()[..4], "the inputs' voxels");
        channels += b.dims()[4];
    }
    let outputs = conv1.dims()[0];
    check(channels, conv1.dims());
    check(outputs, conv2.dims());
    check(channels, conv3.dims());
    let sizes = [&conv1, &conv2, &conv3].map(|weight| (weight.dims()[0], weight.dims()[2]));
    let wanted = [(outputs, 3), (outputs, 3), (outputs, 1)];
    assert_eq!(sizes, wanted, "outputs and kernels of the weights");
    let a = a.into_dispatch();
    let [conv1, conv2, conv3] = [conv1, conv2, conv3].map(Tensor::into_dispatch);
    Tensor::from_dispatch(match b {
        None => <Dispatch as ResidualUnitBackend>::residual_unit(a, conv1, conv2, conv3, slope),
        Some(b) => <Dispatch as ResidualUnitBackend>::residual_unit_pair(
            a,
            b.into_dispatch(),
            conv1,
            conv2,
            conv3,
            slope,
        ),
    })
}
