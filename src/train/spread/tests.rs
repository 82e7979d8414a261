use super::*;
use crate::config::PretrainConfig;
use crate::dataset::{LabelledBatch, MemorySource, TrainingBatch};
use crate::nn::{Restorer, Segmenter};
use crate::train::finetuning::tests::{cases, config};
use crate::train::{Finetuning, Pretraining, Replica, Reply, Task, TrainState};
use crate::volume::{Affine, Volume};
use crate::weights::Values;
use burn::tensor::Device;
use std::cell::RefCell;
use std::ops::ControlFlow;
use std::rc::Rc;
use std::sync::Arc;

const PATCH: [usize; 3] = [16; 3];
const VOXELS: usize = 16 * 16 * 16;

/// What the last replica does not do.
#[derive(Clone, Copy, PartialEq)]
enum Fails {
    Never,
    Forward,
    Backward,
}

/// Replicas in this program.
struct Local<N> {
    replicas: Vec<RefCell<Replica<N>>>,
    fails: Fails,
    /// Passes forward, each replica's.
    asked: RefCell<Vec<usize>>,
}

impl<N: Named> Local<N> {
    fn new(
        count: usize,
        zeros: impl Fn() -> N,
        forward: fn(&N, Tensor<5>) -> Tensor<5>,
        fails: Fails,
    ) -> Self {
        let replica = |_| Replica::new(zeros(), forward, PATCH, tracked());
        Local {
            replicas: (0..count).map(replica).map(RefCell::new).collect(),
            fails,
            asked: RefCell::new(vec![0; count]),
        }
    }

    fn reply<T: 'static>(&self, at: usize, in_what: Fails, found: Option<T>) -> Reply<'_, T> {
        let fails = self.fails == in_what && at + 1 == self.replicas.len();
        Box::pin(std::future::ready(found.filter(|_| !fails)))
    }
}

impl<N: Named> Replicas for Local<N> {
    fn count(&self) -> usize {
        self.replicas.len()
    }

    fn take(&self, at: usize, weights: &[u8]) {
        self.replicas[at].borrow_mut().take(weights).unwrap();
    }

    fn forward(&self, at: usize, samples: &[f32], tracked: bool) -> Reply<'_, Vec<f32>> {
        self.asked.borrow_mut()[at] += 1;
        let outputs = self.replicas[at]
            .borrow_mut()
            .forward(samples.to_vec(), tracked);
        let outputs = pollster::block_on(read_back(outputs)).ok();
        self.reply(at, Fails::Forward, outputs)
    }

    fn backward(&self, at: usize, outputs: &[f32]) -> Reply<'_, Values> {
        let found = self.replicas[at].borrow_mut().backward(outputs.to_vec());
        let found = found.map(|found| {
            let values = |tensor| pollster::block_on(read_back(tensor)).unwrap();
            found.into_iter().map(|(k, v)| (k, values(v))).collect()
        });
        self.reply(at, Fails::Backward, found)
    }
}

fn tracked() -> Device {
    Device::flex().autodiff()
}

/// Numbers from -1 to 1 without a pattern.
fn noise(count: usize, seed: usize) -> Vec<f32> {
    (0..count)
        .map(|n| ((n * 7919 + seed * 104_729) % 2003) as f32 / 1001.0 - 1.0)
        .collect()
}

fn values(tensor: Tensor<1>) -> Vec<f64> {
    let values = pollster::block_on(read_back(tensor)).unwrap();
    values.into_iter().map(f64::from).collect()
}

/// Holds losses and gradients to those of another way to compute the same step, as far as `rounding` of their norm.
fn assert_same(found: StepOutput, expected: StepOutput, rounding: f64) {
    let apart = |a: &[f64], b: &[f64]| {
        assert_eq!(a.len(), b.len());
        let sum = a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f64>();
        sum.sqrt()
    };
    let losses = values(expected.losses);
    assert!(apart(&values(found.losses), &losses) < 1e-5 * losses[0].abs());
    let names = |map: &crate::optim::GradientMap| map.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&found.gradients), names(&expected.gradients));
    let flat = |map: crate::optim::GradientMap| map.into_values().flat_map(values);
    let expected: Vec<f64> = flat(expected.gradients).collect();
    let norm = expected.iter().map(|g| g * g).sum::<f64>().sqrt();
    assert!(norm > 0.0);
    let found: Vec<f64> = flat(found.gradients).collect();
    let share = apart(&found, &expected) / norm;
    assert!(
        share < rounding,
        "gradients are {share} of their norm apart"
    );
}

fn labelled(patches: usize) -> LabelledBatch {
    LabelledBatch {
        image: noise(patches * VOXELS, 1),
        label: (0..patches * VOXELS).map(|n| (n % 7 % 3) as u8).collect(),
        patch: PATCH,
        patches,
        epoch: 0,
        step: 0,
        names: Vec::new(),
    }
}

fn segmenters(count: usize, fails: Fails) -> Local<Segmenter> {
    let zeros = || Finetuning::zeros(&config(), &tracked()).unwrap();
    Local::new(count, zeros, Segmenter::forward, fails)
}

fn fine_tuning() -> Finetuning {
    parted(1)
}

/// In so many parts.
fn parted(accumulation: usize) -> Finetuning {
    let mut config = config();
    config.crops.batch_volumes = 5;
    config.crops.samples_per_volume = 1;
    config.crops.accumulation = accumulation;
    Finetuning::new(config, cases(), cases(), Values::new()).unwrap()
}

fn step<T: Task>(task: &T, network: &T::Network, batch: &T::Batch) -> StepOutput {
    pollster::block_on(task.forward_backward(network, batch, &tracked(), None)).unwrap()
}

fn initial<T: Task>(task: &T) -> T::Network {
    let zeros = T::zeros(task.config(), &tracked()).unwrap();
    task.initial(zeros).unwrap()
}

fn validate<T: Task>(task: &T, network: &T::Network) -> Vec<(String, f64)> {
    let device = Device::flex();
    let network = TrainState::new(network.clone(), task.config(), &device).evaluated();
    let mut go_on = |_| ControlFlow::Continue(());
    let found = task.validate(&network, 1, &device, &mut go_on);
    pollster::block_on(found).unwrap().unwrap().values
}

#[test]
fn a_fine_tuning_step_on_replicas_is_the_same_step() {
    let batch = labelled(5);
    let network = initial(&fine_tuning());
    let expected = || step(&fine_tuning(), &network, &batch);
    // Replicas, parts, and the passes of each replica.
    for (count, accumulation, asked) in [
        (2, 1, vec![1, 1]),
        (3, 1, vec![1, 1, 1]),
        (8, 1, vec![1, 1, 1, 1, 1, 0, 0, 0]),
        // Parts of 3 and 2 crops.
        (2, 2, vec![2, 2]),
    ] {
        let replicas = Rc::new(segmenters(count, Fails::Never));
        let task = parted(accumulation).with_replicas(Rc::<Local<_>>::clone(&replicas));
        assert_same(step(&task, &network, &batch), expected(), 1e-5);
        assert_eq!(*replicas.asked.borrow(), asked);
    }
}

/// Pre-training on a volume of a pattern.
fn pre_training(contrastive_weight: f64) -> Pretraining {
    let mut config = PretrainConfig::default();
    config.sampling.roi_size = PATCH;
    config.network = self::config().network;
    config.loss.contrastive_weight = contrastive_weight;
    // A small one enlarges rounding.
    config.loss.temperature = 0.5;
    let volumes = || {
        let volume = Volume::new([20; 3], noise(8000, 5), Affine::identity()).unwrap();
        Arc::new(MemorySource::new(vec![("a".to_owned(), Arc::new(volume))]))
    };
    Pretraining::new(config, volumes(), volumes()).unwrap()
}

fn restorers(count: usize, fails: Fails) -> Rc<Local<Restorer>> {
    let config = pre_training(1.0).config().clone();
    let zeros = || Pretraining::zeros(&config, &tracked()).unwrap();
    Rc::new(Local::new(count, zeros, Restorer::forward, fails))
}

fn views(patches: usize) -> TrainingBatch {
    let target = noise(patches * VOXELS, 1).into_iter();
    TrainingBatch {
        // Far from what the network paints, so that no voxel lies at the kink of its L1 loss, and on both sides of it.
        target: target.map(|v| v.signum() * 10.0).collect(),
        view1: noise(patches * VOXELS, 2),
        view2: noise(patches * VOXELS, 3),
        patch: PATCH,
        patches,
        epoch: 0,
        step: 0,
        names: Vec::new(),
    }
}

#[test]
fn a_pre_training_step_on_replicas_contrasts_all_samples() {
    let batch = views(3);
    for weight in [1.0, 0.0] {
        let network = initial(&pre_training(weight));
        for count in [2, 3] {
            let replicas = restorers(count, Fails::Never);
            let task = pre_training(weight).with_replicas(Rc::<Local<_>>::clone(&replicas));
            let expected = step(&pre_training(weight), &network, &batch);
            assert_same(step(&task, &network, &batch), expected, 3e-5);
            assert_eq!(*replicas.asked.borrow(), vec![1; count]);
        }
    }
}

#[test]
fn a_step_whose_replica_fails_is_computed_here() {
    let batch = labelled(4);
    let network = initial(&fine_tuning());
    for fails in [Fails::Forward, Fails::Backward] {
        let task = fine_tuning().with_replicas(Rc::new(segmenters(2, fails)));
        // A step that was given up leaves nothing behind for the next one.
        for _ in 0..2 {
            let expected = step(&fine_tuning(), &network, &batch);
            assert_same(step(&task, &network, &batch), expected, 1e-5);
        }
    }
}

#[test]
fn a_replica_or_a_sample_that_is_alone_computes_nothing_elsewhere() {
    let network = initial(&fine_tuning());
    for (count, crops) in [(1, 2), (2, 1)] {
        let replicas = Rc::new(segmenters(count, Fails::Never));
        let task = fine_tuning().with_replicas(Rc::<Local<_>>::clone(&replicas));
        step(&task, &network, &labelled(crops));
        assert_eq!(*replicas.asked.borrow(), vec![0; count]);
    }
}

#[test]
fn windows_of_a_validation_go_to_replicas_in_turn() {
    let network = initial(&fine_tuning());
    let expected = validate(&fine_tuning(), &network);
    for fails in [Fails::Never, Fails::Forward] {
        let replicas = Rc::new(segmenters(2, fails));
        let task = fine_tuning().with_replicas(Rc::<Local<_>>::clone(&replicas));
        assert_eq!(validate(&task, &network), expected);
        let asked = replicas.asked.borrow().clone();
        assert!(asked[0] > 0 && asked[0].abs_diff(asked[1]) <= 1);
    }
}

#[test]
fn crops_of_a_validation_go_to_all_replicas_at_once() {
    let network = initial(&pre_training(1.0));
    let expected = validate(&pre_training(1.0), &network)[0].1;
    for fails in [Fails::Never, Fails::Forward] {
        let replicas = restorers(2, fails);
        let task = pre_training(1.0).with_replicas(Rc::<Local<_>>::clone(&replicas));
        assert!((validate(&task, &network)[0].1 - expected).abs() < 1e-6 * expected);
        assert!(replicas.asked.borrow().iter().all(|asked| *asked > 0));
    }
}
