//! Why weights do not fit a network.

use crate::weights::transfer::NetworkKind;

/// Weights of another network, or not all that is needed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TransferError {
    /// No vision transformer in the file.
    #[error(
        "the weights are of another network: no tensor of ViT, ViTAutoEnc or UNETR among its {tensors}, which begin with {first}"
    )]
    Unrecognised {
        /// How many tensors there are.
        tensors: usize,
        /// The first of them.
        first: String,
    },
    /// More than one vision transformer.
    #[error(
        "the weights hold several transformers, under {first} and {second}: keep one of them, in Python"
    )]
    Ambiguous {
        /// A prefix.
        first: String,
        /// Another.
        second: String,
    },
    /// A U-Net's weights for a network with a transformer, or the other way round.
    #[error(
        "the weights are of a {found} and the settings make a {wanted}: take weights of the same architecture, or the settings that these were trained with"
    )]
    OtherArchitecture {
        /// The network in the file.
        found: NetworkKind,
        /// The network they are to fill.
        wanted: NetworkKind,
    },
    /// The transformer is not complete.
    #[error(
        "the weights hold {found} of the encoder's {total} tensors, {first} is missing: use the file of a whole network, or let fine-tuning leave the rest random (allow_partial)"
    )]
    Incomplete {
        /// Tensors that are there.
        found: usize,
        /// Tensors of the encoder.
        total: usize,
        /// The first that is missing.
        first: String,
    },
    /// An encoder where a whole segmentation network is needed.
    #[error(
        "the weights are of a pre-training network ({kind}) and cannot segment, {missing} tensors such as {first} are missing: fine-tune first, with --pretrained"
    )]
    WrongStage {
        /// The network in the file.
        kind: String,
        /// Missing tensors.
        missing: usize,
        /// The first of them.
        first: String,
    },
    /// Something beside the encoder is missing.
    #[error(
        "the weights lack {missing} tensors of the network, {first} among them: they are of another preset or were cut"
    )]
    Parts {
        /// Missing tensors.
        missing: usize,
        /// The first of them.
        first: String,
    },
    /// A tensor of another shape.
    #[error(
        "tensor {name} is {found:?} in the weights and {expected:?} in the network: they are of another size or preset"
    )]
    Shape {
        /// Its name in the file.
        name: String,
        /// Its shape in the file.
        found: Vec<usize>,
        /// Its shape in the network.
        expected: Vec<usize>,
    },
    /// A tensor with another number of axes than any such weight has.
    #[error(
        "tensor {name} is {found:?}, which no weights of a transformer are: the file holds something else, such as an optimiser's moments"
    )]
    NoWeights {
        /// Its name in the file.
        name: String,
        /// Its shape in the file.
        found: Vec<usize>,
    },
    /// Position embeddings of another number of patches.
    #[error(
        "the position embeddings are for {found} patches and the network has {expected}: choose the patch size and crop the weights were made with, or interpolate them: --resize-positions of finetune, or --patch-grid of hounsfield convert"
    )]
    Positions {
        /// Patches in the file.
        found: usize,
        /// Patches of the network.
        expected: usize,
    },
    /// Weights that are known to be of another grid of patches.
    #[error(
        "the weights were trained on {found} patches and this network has {expected}: give both the same --preset, or --roi-size and --patch-size; where nothing else differs, --resize-positions interpolates the position embeddings"
    )]
    OtherGrid {
        /// Patches on each axis that the weights were trained on.
        found: String,
        /// Patches on each axis of the network.
        expected: String,
    },
    /// The grid of the position embeddings is not known, or not theirs.
    #[error(
        "the position embeddings are for {found} patches, which make no grid of {grid}: say which, with hounsfield convert --source-grid D,H,W --patch-grid D,H,W"
    )]
    Grid {
        /// Patches in the file.
        found: usize,
        /// The grid they do not make.
        grid: String,
    },
    /// A transformer with more in it than this one.
    #[error(
        "the weights have {count} tensors of the network that this one lacks, such as {first}: they are of a deeper or different one, and leaving these out would change what it computes"
    )]
    LeftOver {
        /// The first of them.
        first: String,
        /// How many.
        count: usize,
    },
    /// A number that is none.
    #[error("tensor {0} has numbers that are not finite: the weights come from a run that failed")]
    NotFinite(String),
    /// A tensor of integers where weights should be.
    #[error("tensor {0} holds no floating-point numbers: the file was quantised or edited")]
    NoFloats(String),
    /// A running mean, variance or count of a norm.
    #[error(
        "tensor {0} is a running statistic of a norm: only networks with instance norm, which keeps none, are known"
    )]
    RunningStatistic(String),
    /// A file beyond what a format can hold.
    #[error("the weights cannot be written as {0}: they are larger than 4 GiB or a shape is wrong")]
    Unwritable(&'static str),
}
