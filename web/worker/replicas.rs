//! Copies of the network that is trained in the worker's own workers (`web/page/worker_pool.js`): on the processor they
//! compute steps and checks together.

use crate::host::console_error;
use crate::pool::{PROGRAM, floats};
use crate::training::Failure;
use hounsfield::config::StageConfig;
use hounsfield::train::{Replicas, Reply};
use hounsfield::weights::Values;
use js_sys::{Array, Promise};
use std::cell::Cell;
use std::rc::Rc;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_namespace = workerPool)]
    async fn replicate(stage: &str, settings: &str, bytes: f64);
    #[wasm_bindgen(js_namespace = workerPool)]
    fn dismiss();
    #[wasm_bindgen(js_namespace = workerPool)]
    fn replicas() -> f64;
    #[wasm_bindgen(js_namespace = workerPool, js_name = takeWeights)]
    fn take_weights(at: f64, weights: &[u8]);
    #[wasm_bindgen(js_namespace = workerPool)]
    fn forward(at: f64, tracked: bool, samples: &[u8]) -> Promise;
    #[wasm_bindgen(js_namespace = workerPool)]
    fn backward(at: f64, outputs: &[u8]) -> Promise;
}

/// Replicas in the pool, as long as a training has use for them.
#[derive(Default)]
pub(crate) struct PooledReplicas {
    /// Whether one gave an answer that could not be read.
    broken: Cell<bool>,
}

impl PooledReplicas {
    /// As many as there are workers with memory for a training with these settings: none on a GPU, which has no pool.
    pub(crate) async fn new<C: StageConfig>(config: &C) -> Result<Rc<Self>, Failure> {
        let settings = config.to_toml().map_err(|e| e.to_string())?;
        let bytes = config.memory().total().saturating_add(PROGRAM as u64);
        replicate(C::STAGE, &settings, bytes as f64).await;
        Ok(Rc::default())
    }
}

impl Drop for PooledReplicas {
    fn drop(&mut self) {
        dismiss();
    }
}

impl Replicas for PooledReplicas {
    fn count(&self) -> usize {
        match self.broken.get() {
            true => 0,
            false => replicas() as usize,
        }
    }

    fn take(&self, at: usize, weights: &[u8]) {
        take_weights(at as f64, weights);
    }

    fn forward(&self, at: usize, samples: &[f32], tracked: bool) -> Reply<'_, Vec<f32>> {
        let asked = forward(at as f64, tracked, bytemuck::cast_slice(samples));
        Box::pin(self.read(asked, |answer| floats(&answer)))
    }

    fn backward(&self, at: usize, outputs: &[f32]) -> Reply<'_, Values> {
        let asked = backward(at as f64, bytemuck::cast_slice(outputs));
        Box::pin(self.read(asked, gradients))
    }
}

impl PooledReplicas {
    /// What an answer says. Without one its worker failed, and is asked no more; one that cannot be read is a mistake.
    async fn read<T>(&self, asked: Promise, read: fn(JsValue) -> Option<T>) -> Option<T> {
        let answer = JsFuture::from(asked).await.ok()?;
        if answer.is_null() {
            return None;
        }
        let found = read(answer);
        if found.is_none() {
            self.broken.set(true);
            console_error("a worker's answer cannot be read: it trains without them");
        }
        found
    }
}

/// Gradients by name, from their names and sizes in JSON and their bytes.
fn gradients(answer: JsValue) -> Option<Values> {
    let answer = answer.dyn_into::<Array>().ok()?;
    let parameters: Vec<(String, usize)> =
        serde_json::from_str(&answer.get(0).as_string()?).ok()?;
    let values = floats(&answer.get(1))?;
    let mut rest = values.as_slice();
    let mut gradients = Values::new();
    for (name, count) in parameters {
        let (values, after) = rest.split_at_checked(count)?;
        gradients.insert(name, values.to_vec());
        rest = after;
    }
    rest.is_empty().then_some(gradients)
}
