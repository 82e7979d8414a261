//! What page and worker say to each other: JSON with large data beside it as transferred buffers.
//!
//! The page sends `{id, kind, ...}` and gets `{id, ok}` or `{id, error}`; `{event}` comes at any time. A worker speaks to
//! its own workers in the same way.

use hounsfield::train::Estimate;
use serde::{Deserialize, Serialize};

/// A question of the page with the number its answer carries.
#[derive(Debug, Deserialize)]
pub(crate) struct Call {
    pub(crate) id: u32,
    #[serde(flatten)]
    pub(crate) request: Request,
}

/// What the page asks for. Bytes of files come as buffers, in the order of their names.
#[derive(Debug, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum Request {
    /// Choose and test a device. With `pool`, workers of the worker are started where that is the processor.
    Open {
        device: String,
        #[serde(default)]
        pool: bool,
    },
    /// Make a phantom case.
    Phantom { seed: u64 },
    /// Take in image files, label maps and lists of cases; the answer tells which were refused, which are here already,
    /// which have another name here and what is doubtful about the others.
    AddFiles { names: Vec<String> },
    /// Find label maps for images that have none; the answer lists all cases.
    PairNew,
    /// Let go of all images, label maps and lists, phantoms too.
    CloseScans,
    /// Correct a pairing.
    Pair { image: usize, label: Option<usize> },
    /// An image and its label map, to be shown.
    Show { image: usize },
    /// Take in a segmentation network: a weights file, and its settings where there are any; the answer has those that
    /// fitted. A second buffer is a list of cases that may name the classes.
    UseModel {
        name: String,
        settings: Option<String>,
        classes: Vec<String>,
        /// What made the images that it learned from.
        modality: Option<String>,
    },
    /// Segment an image.
    Segment {
        image: usize,
        overlap: f64,
        mirror: bool,
    },
    /// One window of a segmentation, for the worker that this one computes for: the logits of its numbers.
    Window { mirror: bool },
    /// Make a copy of a network that the other worker trains, in the place of the one there is.
    Replicate { stage: Stage, settings: String },
    /// Drop that copy.
    Dismiss,
    /// Give that copy weights.
    TakeWeights,
    /// What it makes of samples. It goes back from `tracked` ones.
    Forward { tracked: bool },
    /// Its gradients for those of what it made; the answer has their names and sizes.
    Backward,
    /// Settings that fit a choice of cases, and what they cost.
    Plan(TrainRequest),
    /// Begin a run.
    Train(TrainRequest),
    /// Go on with the run at hand.
    Continue,
    /// End what is going on after its present step or window.
    Stop,
    /// What an earlier visit left in the browser's private storage.
    Stored,
    /// Bring that back: its cases and its run.
    Restore,
    /// Remove that.
    Forget,
    /// Take in a run from elsewhere: its files, or one zip archive.
    LoadRun { names: Vec<String> },
    /// A file to keep.
    Download { file: Download },
}

/// What to train on, and how.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct TrainRequest {
    pub(crate) stage: Stage,
    pub(crate) start: Start,
    pub(crate) training: Vec<usize>,
    pub(crate) validation: Vec<usize>,
    /// Names of the classes, the background first; empty for numbers.
    pub(crate) classes: Vec<String>,
    /// Changes of the settings, in the layout of `config.toml`: of the form, and what was typed besides, which counts more.
    pub(crate) settings: Vec<String>,
}

impl TrainRequest {
    /// The images of both lists, each once, by number.
    pub(crate) fn images(&self) -> Vec<usize> {
        let mut all = [&self.training[..], &self.validation].concat();
        all.sort_unstable();
        all.dedup();
        all
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Stage {
    Finetune,
    Pretrain,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Start {
    /// The network at hand, or where an unfinished run took its place the one before.
    Model,
    /// The encoder that pre-training left.
    Encoder,
    Scratch,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Download {
    /// The last label map, on its image's grid.
    Labels,
    /// The volumes of the structures in it.
    Volumes,
    /// The scores of the last segmentation.
    ScoresCsv,
    ScoresJson,
    /// Weights of the network at hand.
    Weights,
    /// Its settings.
    Settings,
    /// Weights of the encoder to start from.
    Encoder,
    /// The whole run, to be gone on with here or natively.
    Run,
    /// The run's numbers.
    Metrics,
}

/// A colour with a name, a volume and a score: a line of the legend.
#[derive(Debug, Serialize)]
pub(crate) struct ClassLine {
    pub(crate) label: u8,
    pub(crate) name: String,
    pub(crate) colour: [u8; 3],
    pub(crate) ml: Option<f64>,
    pub(crate) reference_ml: Option<f64>,
    pub(crate) dice: Option<f64>,
}

#[derive(Debug, Serialize)]
pub(crate) struct ImageLine {
    pub(crate) name: String,
    pub(crate) shape: [usize; 3],
    pub(crate) spacing: [f64; 3],
    pub(crate) label: Option<usize>,
    /// Why the label map cannot be used.
    pub(crate) label_problem: Option<String>,
    pub(crate) phantom: bool,
}

#[derive(Debug, Serialize)]
pub(crate) struct LabelLine {
    pub(crate) name: String,
    pub(crate) largest: u8,
}

/// A file that was refused, in the reader's words.
#[derive(Debug, Serialize)]
pub(crate) struct Refusal {
    pub(crate) file: String,
    pub(crate) why: String,
}

/// Why an image or a list that was taken in is doubtful.
#[derive(Debug, Serialize)]
pub(crate) struct Doubt {
    pub(crate) file: String,
    pub(crate) why: String,
}

/// A file whose name another one has, and the name it got.
#[derive(Debug, Serialize)]
pub(crate) struct Renamed {
    pub(crate) file: String,
    pub(crate) name: String,
}

#[derive(Debug, Serialize)]
pub(crate) struct ModelLine {
    pub(crate) name: String,
    pub(crate) classes: Vec<ClassLine>,
    /// What made the images that it learned from, where that is known.
    pub(crate) modality: Option<String>,
    pub(crate) parameters: usize,
    pub(crate) window: [usize; 3],
    pub(crate) spacing: [f64; 3],
    /// Whether mirrored windows mean anything to it.
    pub(crate) mirror: bool,
    /// What was taken from the file.
    pub(crate) report: String,
}

/// What the worker tells unasked.
#[derive(Debug, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum Event {
    /// It can be spoken to.
    Ready {
        program: &'static str,
    },
    /// Part of a long task is done.
    Progress {
        what: &'static str,
        done: usize,
        of: usize,
    },
    Started {
        stage: Stage,
        step: u64,
        total_steps: u64,
        steps_per_epoch: u64,
        parameters: usize,
    },
    Steps {
        steps: Vec<StepLine>,
        estimate: Estimate,
    },
    /// A validation begins, or a share of it is done.
    Validating {
        step: u64,
        volumes: usize,
        share: f64,
        estimate: Estimate,
    },
    /// A validation; the buffer is a label map on a grid of its own, or a picture.
    Validated {
        step: u64,
        best: bool,
        values: Vec<(String, f64)>,
        image: Option<usize>,
        picture: bool,
        /// The classes of the label map.
        classes: Vec<ClassLine>,
    },
    /// The run is safe up to a step.
    Autosaved {
        step: u64,
        /// The time of this copy, which tells it from those of other tabs.
        when: f64,
    },
    /// What is to be said of a run that begins.
    Notice {
        text: String,
    },
    /// The browser's private storage cannot be used.
    NotSaved {
        why: String,
    },
    /// It does not take the scans of a run, though it may take the run.
    ScansNotSaved {
        why: String,
    },
    Ended {
        step: u64,
        complete: bool,
    },
    /// The worker cannot go on.
    Fatal {
        why: String,
    },
}

#[derive(Debug, Clone, Serialize)]
pub(crate) struct StepLine {
    pub(crate) step: u64,
    pub(crate) losses: Vec<(&'static str, f32)>,
    pub(crate) rate: f64,
    pub(crate) skipped: bool,
}
