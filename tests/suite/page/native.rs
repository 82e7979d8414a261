//! What the native program makes of the page's phantom, network, settings and scans.

use crate::site::ROOT;
use crate::support::{data, training};
use hounsfield::config::{FinetuneConfig, StageConfig};
use hounsfield::dataset::MemorySource;
use hounsfield::dataset::phantom::{PhantomSpec, abdomen};
use hounsfield::infer::{Blending, DeviceNetwork, SlidingWindow, segment_input};
use hounsfield::metric::{LabelPair, score};
use hounsfield::nn::Segmenter;
use hounsfield::platform;
use hounsfield::train::{Checkpoint, Finetuning, Run};
use hounsfield::transform::Labelled;
use hounsfield::volume;
use hounsfield::weights::{
    Need, PatchGrids, TransferOptions, Values, WeightsFile, decode, describe, fill, transfer,
};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The least Dice, over the classes, between the page's segmentation of its phantom and the native program's.
pub(super) fn agreement(labels: &Path) -> f64 {
    let bundled = Path::new(ROOT).join("web/model");
    let bytes = platform::read(&bundled.join("model.safetensors")).unwrap();
    let text = std::fs::read_to_string(bundled.join("config.toml")).unwrap();
    let config = FinetuneConfig::from_toml(&text, "config.toml").unwrap();
    let device = crate::support::cpu();
    let network = Segmenter::zeros(&config.segmenter(), &device).unwrap();
    let network = fill(network, &decode(&bytes).unwrap()).unwrap();
    let image = abdomen(2026, &PhantomSpec::quickstart()).unwrap().image;
    let (shape, spacing) = (image.shape(), image.spacing());
    let prepared = config.transform().image(image).unwrap();
    let windows = SlidingWindow {
        window: config.crops.roi_size,
        overlap: 0.5,
        blending: Blending::Gaussian,
        mirror: false,
        skip_air: true,
    };
    let mut go_on = |_, _| ControlFlow::Continue(());
    let on_device = DeviceNetwork {
        network: &network,
        device: &device,
    };
    let expected = segment_input(&on_device, &prepared, &windows, None, &mut go_on);
    let expected = pollster::block_on(expected).unwrap();
    let found = volume::read(labels).unwrap();
    let found: Vec<u8> = found.data().iter().map(|label| *label as u8).collect();
    let pair = LabelPair::new(&found, &expected, shape, spacing).unwrap();
    let score = score("phantom", &pair, network.classes(), None).unwrap();
    let dice = score.classes.iter().filter_map(|class| class.dice);
    dice.fold(1.0, f64::min)
}

/// What fine-tuning takes from the bundled network.
pub(super) fn start(bundled: &[u8], config: &FinetuneConfig) -> Values {
    let unetr = config.unetr();
    let device = crate::support::cpu();
    let empty = Segmenter::zeros(&config.segmenter(), &device).unwrap();
    let options = TransferOptions {
        need: Need::Encoder,
        allow_partial: false,
        positions: Some(PatchGrids {
            from: None,
            to: unetr.vit.grid(),
        }),
    };
    let file = WeightsFile::open(bundled).unwrap();
    transfer(&file, &describe(&empty), &options).unwrap().0
}

/// A run of the page's settings on hippocampus cases, natively on the CPU.
pub(super) struct Natively<'a> {
    pub(super) config: &'a FinetuneConfig,
    pub(super) training: &'a [&'a str],
    pub(super) validation: &'a [&'a str],
}

impl Natively<'_> {
    /// The loss of every step, from the first to the last.
    pub(super) fn losses(&self, start: Values) -> Vec<f64> {
        self.run(start, None, None, u64::MAX)
    }

    /// The losses that are left.
    pub(super) fn rest(&self, checkpoint: Checkpoint<FinetuneConfig>) -> Vec<f64> {
        self.run(Values::new(), Some(checkpoint), None, u64::MAX)
    }

    /// Leaves a run in a folder that stopped after so many steps.
    pub(super) fn begin(&self, start: Values, folder: PathBuf, steps: u64) {
        self.run(start, None, Some(folder), steps);
    }

    fn run(
        &self,
        start: Values,
        resume: Option<Checkpoint<FinetuneConfig>>,
        folder: Option<PathBuf>,
        last: u64,
    ) -> Vec<f64> {
        let config = self.config.clone();
        let task = Finetuning::new(
            config,
            self.cases(self.training),
            self.cases(self.validation),
            start,
        );
        let run = Run {
            task: task.unwrap(),
            device: crate::support::cpu(),
            folder,
            resume,
        };
        let losses = training::losses(run, last).into_iter();
        losses.map(f64::from).collect()
    }

    fn cases(&self, numbers: &[&str]) -> Arc<MemorySource<Labelled>> {
        let read = |kind: &str, name: &str| {
            volume::read(&data(&format!("hippocampus/{kind}/{name}.nii.gz"))).unwrap()
        };
        let raw = numbers.iter().map(|number| {
            let name = format!("hippocampus_{number}");
            let (image, label) = (read("images", &name), read("labels", &name));
            (name, image, label)
        });
        Arc::new(MemorySource::prepare_labelled(raw, &self.config.transform()).unwrap())
    }
}
