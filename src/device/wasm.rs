//! The device of a web page.

use crate::device::{DeviceChoice, DeviceError, Selected};
use burn::tensor::Device;
use burn::tensor::wgpu::{MemoryConfiguration, WgpuBackend};

/// Kernels a submission. Windows resets a GPU that works at one for 2 s, and by what kernels of a training step cost, 64
/// may take one that is part of a processor that long; so this is far below, and not tuned.
const BATCH: usize = 16;

/// WebGPU where the browser has it and the choice allows it, else the CPU in WebAssembly.
///
/// # Errors
/// [`DeviceError::Unusable`] when a GPU was named and the browser gives none.
pub async fn select(choice: DeviceChoice) -> Result<Selected, DeviceError> {
    let cpu = || Selected {
        device: Device::flex(),
        description: "CPU in WebAssembly".to_owned(),
        is_gpu: false,
    };
    if choice == DeviceChoice::Cpu {
        return Ok(cpu());
    }
    let opened = Device::wgpu_options()
        .graphics_api(WgpuBackend::WebGpu)
        .memory_config(MemoryConfiguration::ExclusivePages)
        .tasks_max(BATCH)
        .init_async()
        .await;
    match opened {
        Ok(device) => Ok(Selected {
            device,
            description: "WebGPU".to_owned(),
            is_gpu: true,
        }),
        Err(_) if choice == DeviceChoice::Auto => Ok(cpu()),
        Err(error) => Err(DeviceError::Unusable {
            adapter: "WebGPU".to_owned(),
            reason: error.to_string(),
        }),
    }
}
