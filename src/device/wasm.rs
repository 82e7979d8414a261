//! The device of a web page.

use crate::device::{BATCH, DeviceChoice, DeviceError, Selected};
use burn::tensor::Device;
use burn::tensor::wgpu::{MemoryConfiguration, WgpuBackend, wgpu};

/// The CPU in WebAssembly, or WebGPU: for `auto` where a real GPU is behind it, for any interface that is named in any
/// case.
///
/// # Errors
/// [`DeviceError::Unusable`] when a GPU was named and the browser gives none.
pub async fn select(choice: DeviceChoice) -> Result<Selected, DeviceError> {
    let cpu = || Selected {
        device: Device::flex(),
        description: "CPU in WebAssembly".to_owned(),
        is_gpu: false,
        checks: None,
    };
    let wanted = match choice {
        DeviceChoice::Cpu => false,
        DeviceChoice::Auto => offers_gpu().await,
        DeviceChoice::Gpu(..) => true,
    };
    if !wanted {
        return Ok(cpu());
    }
    let opened = Device::wgpu_options()
        .graphics_api(WgpuBackend::WebGpu)
        .memory_config(MemoryConfiguration::ExclusivePages)
        .tasks_max(BATCH)
        .init_with_setup_async()
        .await;
    match opened {
        Ok((device, setup)) => Ok(Selected {
            device,
            description: "WebGPU".to_owned(),
            is_gpu: !is_software(&setup.adapter),
            checks: None,
        }),
        Err(error) if choice == DeviceChoice::Auto => Ok(Selected {
            description: format!("CPU in WebAssembly, for WebGPU cannot be used: {error}"),
            ..cpu()
        }),
        Err(error) => Err(DeviceError::Unusable {
            adapter: "WebGPU".to_owned(),
            reason: error.to_string(),
        }),
    }
}

/// Whether the browser's best adapter is a real GPU. Some offer software where there is none, and the same processor is
/// far faster in WebAssembly.
async fn offers_gpu() -> bool {
    let instance = wgpu::Instance::new(wgpu::InstanceDescriptor {
        backends: wgpu::Backends::BROWSER_WEBGPU,
        ..wgpu::InstanceDescriptor::new_without_display_handle()
    });
    let best = wgpu::RequestAdapterOptions {
        power_preference: wgpu::PowerPreference::HighPerformance,
        ..wgpu::RequestAdapterOptions::default()
    };
    let offered = instance.request_adapter(&best).await;
    offered.is_ok_and(|adapter| !is_software(&adapter))
}

fn is_software(adapter: &wgpu::Adapter) -> bool {
    adapter.get_info().device_type == wgpu::DeviceType::Cpu
}
