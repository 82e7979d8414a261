//! Adapters of the native program.

use crate::device::self_test::self_test;
use crate::device::{Api, BATCH, DeviceChoice, DeviceError, PassedOver, Selected};
use burn::backend::{WgpuBackend, WgpuDevice, WgpuDeviceKind};
use burn::tensor::wgpu::{WgpuInitError, wgpu};
use burn::tensor::{Device, DeviceKind};
use serde::Serialize;

/// What an adapter is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum AdapterKind {
    /// A graphics card.
    Discrete,
    /// Graphics beside the processor.
    Integrated,
    /// A GPU passed to a virtual machine.
    Virtual,
    /// A processor pretending to be a GPU.
    Software,
    /// The driver does not say.
    Other,
}

/// An adapter as the driver describes it.
#[derive(Debug, Clone, Serialize)]
pub struct Adapter {
    /// What to pass to `--device`.
    pub device: String,
    /// The adapter's name.
    pub name: String,
    /// What it is made of.
    pub kind: AdapterKind,
    /// Driver and version.
    pub driver: String,
    /// Largest binding of one tensor in bytes.
    pub max_binding_bytes: u64,
    /// Largest buffer in bytes.
    pub max_buffer_bytes: u64,
    /// Storage buffers one shader can use.
    pub max_storage_buffers: u32,
    /// Threads of one workgroup.
    pub max_workgroup_threads: u32,
    /// Shared memory of one workgroup in bytes.
    pub workgroup_memory_bytes: u32,
    /// Half-precision arithmetic in shaders.
    pub f16: bool,
    /// Subgroup operations.
    pub subgroups: bool,
    /// Timestamps for profiling.
    pub timestamps: bool,
    #[serde(skip)]
    api: Api,
    /// Position among the adapters of the same interface and kind.
    #[serde(skip)]
    rank: usize,
}

fn backend(api: Api) -> (wgpu::Backends, WgpuBackend) {
    match api {
        Api::Vulkan => (wgpu::Backends::VULKAN, WgpuBackend::Vulkan),
        Api::Metal => (wgpu::Backends::METAL, WgpuBackend::Metal),
        Api::Dx12 => (wgpu::Backends::DX12, WgpuBackend::Dx12),
        Api::Gl => (wgpu::Backends::GL, WgpuBackend::Gl),
        Api::WebGpu => (wgpu::Backends::BROWSER_WEBGPU, WgpuBackend::WebGpu),
    }
}

/// All adapters of this machine, interface by interface.
pub async fn adapters() -> Vec<Adapter> {
    let mut all = Vec::new();
    for api in Api::ALL {
        all.extend(adapters_of(api).await);
    }
    all
}

async fn adapters_of(api: Api) -> Vec<Adapter> {
    let (backends, _) = backend(api);
    let instance = wgpu::Instance::new(wgpu::InstanceDescriptor {
        backends,
        ..wgpu::InstanceDescriptor::new_without_display_handle()
    });
    let mut found: Vec<Adapter> = Vec::new();
    for (number, adapter) in instance
        .enumerate_adapters(backends)
        .await
        .iter()
        .enumerate()
    {
        let info = adapter.get_info();
        let limits = adapter.limits();
        let features = adapter.features();
        let kind = match info.device_type {
            wgpu::DeviceType::DiscreteGpu => AdapterKind::Discrete,
            wgpu::DeviceType::IntegratedGpu => AdapterKind::Integrated,
            wgpu::DeviceType::VirtualGpu => AdapterKind::Virtual,
            wgpu::DeviceType::Cpu => AdapterKind::Software,
            wgpu::DeviceType::Other => AdapterKind::Other,
        };
        let rank = found.iter().filter(|a| a.kind == kind).count();
        found.push(Adapter {
            device: format!("{}:{number}", api.name()),
            name: info.name,
            kind,
            driver: format!("{} {}", info.driver, info.driver_info)
                .trim()
                .to_owned(),
            max_binding_bytes: limits.max_storage_buffer_binding_size,
            max_buffer_bytes: limits.max_buffer_size,
            max_storage_buffers: limits.max_storage_buffers_per_shader_stage,
            max_workgroup_threads: limits.max_compute_invocations_per_workgroup,
            workgroup_memory_bytes: limits.max_compute_workgroup_storage_size,
            f16: features.contains(wgpu::Features::SHADER_F16),
            subgroups: features.contains(wgpu::Features::SUBGROUP),
            timestamps: features.contains(wgpu::Features::TIMESTAMP_QUERY),
            api,
            rank,
        });
    }
    found
}

/// The device for a choice. `auto` takes a real GPU that opens and passes its self-test, one of its own rather than one
/// on the processor, else the CPU; a software adapter is taken only when its interface was named, and so is OpenGL, whose
/// compute shaders lack what training needs on many drivers. A warning names each GPU that is passed over.
///
/// # Errors
/// [`DeviceError::NoAdapter`] or [`DeviceError::Unusable`].
pub async fn select(choice: DeviceChoice) -> Result<Selected, DeviceError> {
    let (selected, passed_over) = select_telling(choice).await?;
    for adapter in passed_over {
        log::warn!("{adapter}");
    }
    Ok(selected)
}

/// The device for a choice, as [`select`] takes it, and the GPUs that were passed over for it.
///
/// # Errors
/// Those of [`select`].
pub async fn select_telling(
    choice: DeviceChoice,
) -> Result<(Selected, Vec<PassedOver>), DeviceError> {
    match choice {
        DeviceChoice::Cpu => Ok((cpu(), Vec::new())),
        DeviceChoice::Auto => {
            let mut found = Vec::new();
            for api in Api::ALL.into_iter().filter(|api| *api != Api::Gl) {
                found.extend(adapters_of(api).await);
            }
            let (taken, passed_over) = first_ready(candidates(&found), tested).await;
            Ok((taken.unwrap_or_else(cpu), passed_over))
        }
        DeviceChoice::Gpu(api, number) => {
            let found = adapters_of(api).await;
            let adapter = match number {
                Some(number) => found.get(number),
                None => candidates(&found).next().or_else(|| found.first()),
            };
            let adapter = adapter.ok_or_else(|| DeviceError::NoAdapter {
                api: api.name(),
                number: number.map_or_else(String::new, |n| format!(" number {n}")),
            })?;
            Ok((open(adapter)?, Vec::new()))
        }
    }
}

/// The GPUs, the fastest kind first and each interface's in its order: a laptop may list the one on its processor first.
fn candidates(found: &[Adapter]) -> impl Iterator<Item = &Adapter> {
    [
        AdapterKind::Discrete,
        AdapterKind::Virtual,
        AdapterKind::Integrated,
    ]
    .into_iter()
    .flat_map(move |kind| found.iter().filter(move |adapter| adapter.kind == kind))
}

/// The first adapter that `ready` makes a device of, and those before it.
async fn first_ready<'a>(
    adapters: impl Iterator<Item = &'a Adapter>,
    ready: impl AsyncFn(&Adapter) -> Result<Selected, DeviceError>,
) -> (Option<Selected>, Vec<PassedOver>) {
    let mut passed_over = Vec::new();
    for adapter in adapters {
        match ready(adapter).await {
            Ok(selected) => return (Some(selected), passed_over),
            Err(error) => passed_over.push(PassedOver {
                device: adapter.device.clone(),
                name: adapter.name.clone(),
                reason: error.to_string(),
            }),
        }
    }
    (None, passed_over)
}

/// The device of an adapter, if it computes right.
async fn tested(adapter: &Adapter) -> Result<Selected, DeviceError> {
    let mut selected = open(adapter)?;
    selected.checks = Some(self_test(&selected.device).await?);
    if let Some(doubt) = doubt(adapter) {
        log::warn!("{doubt}");
    }
    Ok(selected)
}

/// What is to be said of a GPU that is part of the processor: beside many cores it may be the slower one, but for Apple's.
/// Timing both would make a run's device a matter of chance, and a run that goes on may have to be on the same.
fn doubt(adapter: &Adapter) -> Option<String> {
    let shared = adapter.kind == AdapterKind::Integrated && !adapter.name.starts_with("Apple");
    shared.then(|| {
        let (name, device) = (&adapter.name, &adapter.device);
        format!(
            "{name} is part of the processor, which may be faster by itself: `hounsfield bench step --preset small` times --device {device} and --device cpu"
        )
    })
}

fn is_gpu(kind: AdapterKind) -> bool {
    matches!(
        kind,
        AdapterKind::Discrete | AdapterKind::Integrated | AdapterKind::Virtual
    )
}

fn cpu() -> Selected {
    let threads = crate::platform::threads();
    let plural = if threads == 1 { "" } else { "s" };
    Selected {
        device: Device::flex(),
        description: format!("CPU, {threads} thread{plural}"),
        is_gpu: false,
        checks: None,
    }
}

fn open(adapter: &Adapter) -> Result<Selected, DeviceError> {
    // These kinds are opened by their kind alone: a second one would not be the one asked for.
    if adapter.rank > 0 && !is_gpu(adapter.kind) {
        return Err(DeviceError::Unusable {
            adapter: adapter.name.clone(),
            reason: "of adapters that are no GPU only the first can be opened".to_owned(),
        });
    }
    let (_, api) = backend(adapter.api);
    let (kind, device_kind) = match adapter.kind {
        AdapterKind::Discrete => (
            DeviceKind::DiscreteGpu(adapter.rank),
            WgpuDeviceKind::DiscreteGpu(adapter.rank),
        ),
        AdapterKind::Integrated => (
            DeviceKind::IntegratedGpu(adapter.rank),
            WgpuDeviceKind::IntegratedGpu(adapter.rank),
        ),
        AdapterKind::Virtual => (
            DeviceKind::VirtualGpu(adapter.rank),
            WgpuDeviceKind::VirtualGpu(adapter.rank),
        ),
        AdapterKind::Software => (DeviceKind::Cpu, WgpuDeviceKind::Cpu),
        AdapterKind::Other => (DeviceKind::DefaultDevice, WgpuDeviceKind::DefaultDevice),
    };
    let mut options = Device::wgpu_options().device_kind(kind).graphics_api(api);
    if adapter.kind == AdapterKind::Integrated {
        options = options.tasks_max(BATCH);
    }
    let opened = options.init();
    let device = match opened {
        Ok(device) => device,
        // Opened before in this process.
        Err(WgpuInitError::Registration { .. }) => {
            Device::from(WgpuDevice::new(device_kind).on(api))
        }
        Err(error) => {
            return Err(DeviceError::Unusable {
                adapter: adapter.name.clone(),
                reason: error.to_string(),
            });
        }
    };
    Ok(Selected {
        device,
        description: format!(
            "{} ({}, {})",
            adapter.name,
            adapter.api.name(),
            adapter.driver
        ),
        is_gpu: is_gpu(adapter.kind),
        checks: None,
    })
}

#[cfg(test)]
mod tests;
