//! Exponential moving average of the weights (Polyak and Juditsky, 1992).

use crate::kernels::lasting_copy;
use crate::weights::{Named, PathStack, collect};
use burn::Tensor;
use burn::module::{ModuleMapper, Param};
use std::collections::BTreeMap;
use std::marker::PhantomData;

/// A smoothed copy of a network's parameters, flat and by name.
#[derive(Debug, Clone)]
pub struct WeightAverage {
    decay: f64,
    /// Averages by parameter name, in memory layout.
    pub values: BTreeMap<String, Tensor<1>>,
}

impl WeightAverage {
    /// Starts at the network's present weights. `decay` is the share that stays at each step.
    pub fn new<M: Named>(network: &M, decay: f64) -> Self {
        let mut values = BTreeMap::new();
        collect(network, |info, _, _, tensor| {
            // Not the weight itself, whose memory an update would then leave to the average.
            values.insert(info.name, lasting_copy(tensor.inner()));
        });
        WeightAverage { decay, values }
    }

    /// Moves every average towards the present weight, after this many updates of the network, 1 for the first.
    ///
    /// In a run's beginning less stays than the decay says, `(1 + n) / (10 + n)` after n updates, or else a short run's
    /// average would be of its random start.
    pub fn update<M: Named>(&mut self, network: &M, updates: u64) {
        let updates = updates as f64;
        let keep = self.decay.min((1.0 + updates) / (10.0 + updates));
        let values = &mut self.values;
        collect(network, |info, _, _, tensor| {
            if let Some(old) = values.remove(&info.name) {
                values.insert(info.name, old * keep + tensor.inner() * (1.0 - keep));
            }
        });
    }

    /// The network with averaged instead of present weights.
    pub fn apply<M: Named>(&self, network: M) -> M {
        struct Mapper<'a, M>(PathStack, &'a BTreeMap<String, Tensor<1>>, PhantomData<M>);
        impl<M: Named> ModuleMapper for Mapper<'_, M> {
            fn enter_module(&mut self, name: &str, container: &str) {
                self.0.enter(name, container);
            }
            fn exit_module(&mut self, _: &str, _: &str) {
                self.0.exit();
            }
            fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
                match self.1.get(&self.0.name::<M>()) {
                    Some(value) => {
                        let value = value.clone();
                        param.map(|old| Tensor::from_inner(value.reshape(old.dims())))
                    }
                    None => param,
                }
            }
        }
        network.map(&mut Mapper::<M>(
            PathStack::default(),
            &self.values,
            PhantomData,
        ))
    }
}
