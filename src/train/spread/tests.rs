use super::*;
use crate::config::{PretrainConfig, StageConfig};
use crate::dataset::{LabelledBatch, TrainingBatch};
use crate::nn::{Restorer, Segmenter};
use crate::train::finetuning::tests::{cases, config};
use crate::train::{Finetuning, Pretraining, Replica, Reply, Task, TrainState};
use crate::weights::Values;
use burn::tensor::Device;
use std::cell::RefCell;
use std::ops::ControlFlow;
use std::rc::Rc;

const PATCH: [usize; 3] = [16; 3];
const VOXELS: usize = 16 * 16 * 16;

/// Replicas in this program. Those from `breaks` on answer nothing.
struct Local<N> {
    replicas: Vec<RefCell<Replica<N>>>,
    breaks: usize,
    /// Passes forward, each replica's.
    asked: RefCell<Vec<usize>>,
}

impl<N: Named> Local<N> {
    fn new(
        count: usize,
        zeros: impl Fn() -> N,
        forward: fn(&N, Tensor<5>) -> Tensor<5>,
        breaks: usize,
    ) -> Self {
        let replica = |_| Replica::new(zeros(), forward, PATCH, tracked());
        Local {
            replicas: (0..count).map(replica).map(RefCell::new).collect(),
            breaks,
            asked: RefCell::new(vec![0; count]),
        }
    }

    fn reply<T: 'static>(&self, at: usize, found: Option<T>) -> Reply<'_, T> {
        Box::pin(std::future::ready(found.filter(|_| at < self.breaks)))
    }
}

impl<N: Named> Replicas for Local<N> {
    fn count(&self) -> usize {
        self.replicas.len()
    }

    fn take(&self, weights: &[u8]) {
        for replica in &self.replicas {
            replica.borrow_mut().take(weights).unwrap();
        }
    }

    fn forward(&self, at: usize, samples: &[f32], tracked: bool) -> Reply<'_, Vec<f32>> {
        self.asked.borrow_mut()[at] += 1;
        let outputs = self.replicas[at]
            .borrow_mut()
            .forward(samples.to_vec(), tracked);
        self.reply(at, pollster::block_on(read_back(outputs)).ok())
    }

    fn backward(&self, at: usize, outputs: &[f32]) -> Reply<'_, Values> {
        let found = self.replicas[at].borrow_mut().backward(outputs.to_vec());
        let found = found.map(|found| {
            let values = |tensor| pollster::block_on(read_back(tensor)).unwrap();
            found.into_iter().map(|(k, v)| (k, values(v))).collect()
        });
        self.reply(at, found)
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

/// Holds losses and every gradient to those of another way to compute the same step.
fn assert_same(found: StepOutput, expected: StepOutput) {
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
    assert!(apart(&found, &expected) < 1e-5 * norm);
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

fn segmenters(count: usize, breaks: usize) -> Local<Segmenter> {
    let zeros = || Finetuning::zeros(&config(), &tracked()).unwrap();
    Local::new(count, zeros, Segmenter::forward, breaks)
}

fn fine_tuning(replicas: &Rc<Local<Segmenter>>) -> Finetuning {
    Finetuning::new(config(), cases(), cases(), Values::new())
        .unwrap()
        .with_replicas(Rc::<Local<Segmenter>>::clone(replicas))
}

fn step<T: Task>(task: &T, network: &T::Network, batch: &T::Batch) -> StepOutput {
    pollster::block_on(task.forward_backward(network, batch, &tracked(), None)).unwrap()
}

fn initial<T: Task>(task: &T) -> T::Network {
    task.initial(T::zeros(task.config(), &tracked()).unwrap())
        .unwrap()
}

#[test]
fn a_fine_tuning_step_on_replicas_is_the_same_step() {
    let batch = labelled(5);
    let alone = Finetuning::new(config(), cases(), cases(), Values::new()).unwrap();
    let network = initial(&alone);
    for count in [2, 3, 8] {
        let replicas = Rc::new(segmenters(count, count));
        let found = step(&fine_tuning(&replicas), &network, &batch);
        assert_same(found, step(&alone, &network, &batch));
        // Each once, as far as there are crops for them.
        let asked = replicas.asked.borrow().clone();
        assert!(asked[0] == 1 && asked[1] == 1 && asked.iter().sum::<usize>() <= 5);
    }
}

#[test]
fn a_pre_training_step_on_replicas_contrasts_all_samples() {
    let mut config = PretrainConfig::default();
    config.sampling.roi_size = PATCH;
    config.network = self::config().network;
    let volumes = || {
        let cases = cases();
        let volume = |index| cases.volume(index).unwrap().image.clone();
        let named = [("a".to_owned(), std::sync::Arc::new(volume(0)))];
        std::sync::Arc::new(crate::dataset::MemorySource::new(named.into()))
    };
    let target: Vec<f32> = noise(3 * VOXELS, 1).iter().map(|v| v + 10.0).collect();
    let batch = TrainingBatch {
        target,
        view1: noise(3 * VOXELS, 2),
        view2: noise(3 * VOXELS, 3),
        patch: PATCH,
        patches: 3,
        epoch: 0,
        step: 0,
        names: Vec::new(),
    };
    config.validate().unwrap();
    let task = || Pretraining::new(config.clone(), volumes(), volumes()).unwrap();
    let alone = task();
    let network = initial(&alone);
    for count in [2, 4] {
        let zeros = || Pretraining::zeros(&config, &tracked()).unwrap();
        let replicas = Rc::new(Local::new(count, zeros, Restorer::forward, count));
        let spread = task().with_replicas(Rc::<Local<Restorer>>::clone(&replicas));
        assert_same(
            step(&spread, &network, &batch),
            step(&alone, &network, &batch),
        );
        assert!(replicas.asked.borrow().iter().all(|asked| *asked == 1));
        // And a validation gives the same error.
        let validate = |task: &Pretraining| {
            let state = TrainState::new(network.clone(), &config, &Device::flex());
            let mut go_on = |_| ControlFlow::Continue(());
            let (network, device) = (state.evaluated(), Device::flex());
            let found = task.validate(&network, 1, &device, &mut go_on);
            pollster::block_on(found).unwrap().unwrap().score
        };
        assert!((validate(&spread) - validate(&alone)).abs() < 1e-6);
        assert!(replicas.asked.borrow().iter().sum::<usize>() > count);
    }
}

#[test]
fn a_step_whose_replica_fails_is_computed_here() {
    let batch = labelled(4);
    let replicas = Rc::new(segmenters(2, 1));
    let task = fine_tuning(&replicas);
    let network = initial(&task);
    let alone = Finetuning::new(config(), cases(), cases(), Values::new()).unwrap();
    let found = step(&task, &network, &batch);
    assert_same(found, step(&alone, &network, &batch));
}

#[test]
fn a_single_replica_is_not_asked() {
    let replicas = Rc::new(segmenters(1, 1));
    let task = fine_tuning(&replicas);
    step(&task, &initial(&task), &labelled(2));
    assert_eq!(*replicas.asked.borrow(), [0]);
}

#[test]
fn a_single_sample_goes_to_no_replica() {
    let replicas = Rc::new(segmenters(2, 2));
    let task = fine_tuning(&replicas);
    step(&task, &initial(&task), &labelled(1));
    assert_eq!(*replicas.asked.borrow(), [0, 0]);
}

#[test]
fn windows_of_a_validation_go_to_replicas_in_turn() {
    let replicas = Rc::new(segmenters(2, 2));
    let task = fine_tuning(&replicas);
    let state = TrainState::new(initial(&task), task.config(), &Device::flex());
    let alone = Finetuning::new(config(), cases(), cases(), Values::new()).unwrap();
    let validate = |task: &Finetuning| {
        let mut go_on = |_| ControlFlow::Continue(());
        let (network, device) = (state.evaluated(), Device::flex());
        let found = task.validate(&network, 1, &device, &mut go_on);
        pollster::block_on(found).unwrap().unwrap().values
    };
    assert_eq!(validate(&task), validate(&alone));
    let asked = replicas.asked.borrow().clone();
    assert!(
        asked[0] > 0 && asked[0].abs_diff(asked[1]) <= 1,
        "{asked:?}"
    );
}
