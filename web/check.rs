//! The kernel suite as a web page runs it: for the tests in headless Chromium.

fn main() {
    #[cfg(target_family = "wasm")]
    hounsfield::platform::run_constructors();
}

#[cfg(target_family = "wasm")]
mod page {
    use hounsfield::device::{DeviceChoice, Extent, kernel_suite, select, self_test};
    use wasm_bindgen::prelude::*;

    /// Results of the self-test and of the kernel suite on a device as JSON: `{device, self_test, suite}`.
    #[expect(unreachable_pub, reason = "wasm-bindgen exports public functions")]
    #[wasm_bindgen]
    pub async fn check(device: String) -> Result<String, JsError> {
        let choice: DeviceChoice = device.parse()?;
        let selected = select(choice).await?;
        let tested = self_test(&selected.device).await?;
        let suite = kernel_suite(&selected.device, Extent::Reduced).await?;
        Ok(serde_json::json!({
            "device": selected.description,
            "self_test": tested,
            "suite": suite,
        })
        .to_string())
    }
}
