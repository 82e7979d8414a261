//! The kernel suite and a pre-training as a web page runs them: for the tests in headless Chromium.

fn main() {
    #[cfg(target_family = "wasm")]
    hounsfield::platform::run_constructors();
}

#[cfg(target_family = "wasm")]
mod page {
    use burn::tensor::Device;
    use hounsfield::config::{PretrainConfig, StageConfig};
    use hounsfield::dataset::MemorySource;
    use hounsfield::dataset::phantom::{PhantomSpec, abdomen};
    use hounsfield::device::{DeviceChoice, Extent, kernel_suite, select};
    use hounsfield::train::{Control, Event, Observer, Pretraining, Run, TrainError, train};
    use std::sync::Arc;
    use wasm_bindgen::prelude::*;

    /// A pre-training that takes moments, with steps large enough to be seen in the second loss.
    const TINY: &str = "
        [network]
        patch_size = 8
        hidden_size = 16
        mlp_dim = 32
        layers = 3
        heads = 2
        [sampling]
        spacing = [4.0, 4.0, 4.0]
        roi_size = [16, 16, 16]
        batch_volumes = 1
        [optimizer]
        learning_rate = 0.01
        [run]
        max_steps = 2
    ";

    /// Results of the self-test, of the kernel suite and of a pre-training on a device as JSON: `{device, self_test, suite,
    /// pretraining}`.
    #[expect(unreachable_pub, reason = "wasm-bindgen exports public functions")]
    #[wasm_bindgen]
    pub async fn check(device: String) -> Result<String, JsError> {
        let choice: DeviceChoice = device.parse()?;
        let selected = select(choice).await?;
        let tested = selected.self_test().await?;
        let suite = kernel_suite(&selected.device, Extent::Reduced).await?;
        let pretraining = pretrained(selected.device).await?;
        Ok(serde_json::json!({
            "device": selected.description,
            "self_test": tested,
            "suite": suite,
            "pretraining": pretraining,
        })
        .to_string())
    }

    /// Losses of every step and the score of every validation, in order.
    struct Numbers(Vec<f64>);

    impl Observer for Numbers {
        fn event(&mut self, event: &Event<'_>) -> Result<(), TrainError> {
            match event {
                Event::Steps { losses, .. } => {
                    let losses = losses.iter().flat_map(|step| &step.losses);
                    self.0.extend(losses.map(|(_, loss)| f64::from(*loss)));
                }
                Event::Validated { found, .. } => self.0.push(found.score),
                _ => {}
            }
            Ok(())
        }
    }

    /// What a tiny pre-training on a phantom comes to.
    async fn pretrained(device: Device) -> Result<Vec<f64>, JsError> {
        let config = PretrainConfig::from_toml(TINY, "the tiny pre-training")?;
        let phantom = abdomen(7, &PhantomSpec::quickstart())?;
        let raw = [("phantom".to_owned(), phantom.image)];
        let source = Arc::new(MemorySource::prepare(raw, &config.transform())?);
        let run = Run {
            task: Pretraining::new(config, source.clone(), source)?,
            device,
            folder: None,
            resume: None,
        };
        let mut numbers = Numbers(Vec::new());
        train(run, &mut numbers, &Control::default()).await?;
        Ok(numbers.0)
    }
}
