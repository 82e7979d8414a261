//! The worker's own workers (`web/page/worker_pool.js`): on the processor they compute the windows of a segmentation
//! together, for WebAssembly has one thread. [`crate::replicas`] has them train.

use crate::model::Model;
use crate::replica;
use crate::training::Failure;
use burn::tensor::Device;
use hounsfield::infer::{DeviceNetwork, InferError, SlidingWindow, WindowNetwork, window_bytes};
use hounsfield::nn::Segmenter;
use js_sys::{Promise, Uint8Array};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_namespace = workerPool, js_name = start)]
    pub(crate) async fn start();
    #[wasm_bindgen(js_namespace = workerPool, js_name = load)]
    fn give(settings: &str, weights: &[u8], bytes: f64);
    #[wasm_bindgen(js_namespace = workerPool)]
    fn number() -> f64;
    #[wasm_bindgen(js_namespace = workerPool)]
    async fn size() -> JsValue;
    #[wasm_bindgen(js_namespace = workerPool, js_name = window)]
    fn ask(network: f64, mirror: bool, input: &[u8]) -> Promise;
}

/// Bytes of the program and what else a worker holds.
pub(crate) const PROGRAM: usize = 64 << 20;

/// Gives the pool the network at hand, with settings as they are in files.
pub(crate) fn load(model: &Model, settings: &str) {
    let window = window_bytes(&model.config.segmenter());
    let bytes = (model.held() + PROGRAM as u64).saturating_add(window);
    give(settings, &model.bytes, bytes as f64);
}

/// The network at hand in this worker and in those of its pool that hold it.
pub(crate) struct PooledNetwork<'a> {
    own: DeviceNetwork<'a>,
    /// What the pool calls it.
    number: f64,
    workers: usize,
}

impl<'a> PooledNetwork<'a> {
    /// The network in use, once the pool has it.
    pub(crate) async fn new(network: &'a Segmenter, device: &'a Device) -> Self {
        // Before anything is waited for: the user may bring another network meanwhile.
        let number = number();
        PooledNetwork {
            own: DeviceNetwork { network, device },
            number,
            workers: size().await.as_f64().unwrap_or(0.0) as usize,
        }
    }

    /// Those of the pool, without this one.
    pub(crate) fn workers(&self) -> usize {
        self.workers
    }
}

impl WindowNetwork for PooledNetwork<'_> {
    fn classes(&self) -> usize {
        self.own.classes()
    }

    /// One more than there are workers, so that none waits while this one puts windows together.
    fn at_once(&self) -> usize {
        self.workers + 1
    }

    fn logits(
        &self,
        input: Vec<f32>,
        settings: &SlidingWindow,
    ) -> impl Future<Output = Result<Vec<f32>, InferError>> {
        let bytes = bytemuck::cast_slice(&input);
        let asked = (self.workers > 0).then(|| ask(self.number, settings.mirror, bytes));
        async move {
            if let Some(asked) = asked
                && let Ok(answer) = JsFuture::from(asked).await
                && let Some(logits) = floats(&answer)
                && logits.len() == input.len() * self.classes()
            {
                return Ok(logits);
            }
            self.own.logits(input, settings).await
        }
    }
}

/// Floats from an array of bytes.
pub(crate) fn floats(answer: &JsValue) -> Option<Vec<f32>> {
    let bytes = answer.dyn_ref::<Uint8Array>()?;
    let length = bytes.length() as usize;
    let mut floats = vec![0.0f32; length / size_of::<f32>()];
    let into: &mut [u8] = bytemuck::cast_slice_mut(&mut floats);
    (into.len() == length).then(|| bytes.copy_to(into))?;
    Some(floats)
}

/// The logits of a window that another worker asks this one for, as bytes.
pub(crate) async fn window(
    model: &Model,
    device: &Device,
    mirror: bool,
    buffers: Vec<Vec<u8>>,
) -> Result<Vec<u8>, Failure> {
    let settings = SlidingWindow {
        mirror,
        ..SlidingWindow::predicting(model.config.crops.roi_size)
    };
    let bytes = buffers.into_iter().next().unwrap_or_default();
    let voxels = settings.window.iter().product::<usize>();
    if bytes.len() != voxels * size_of::<f32>() {
        return Err(Failure::from(format!(
            "{} bytes are no window of {:?} voxels",
            bytes.len(),
            settings.window
        )));
    }
    let input = replica::floats(&bytes);
    let network = DeviceNetwork {
        network: &model.network,
        device,
    };
    let logits = network.logits(input, &settings).await?;
    Ok(bytemuck::cast_slice(&logits).to_vec())
}
