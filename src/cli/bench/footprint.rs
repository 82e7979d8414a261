//! What a run takes of a device: memory and kernels.

use burn::tensor::Device;
use cubecl::dry_run::DryRun;
use cubecl::logging::{LaunchObservation, LaunchObserver};
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Memory at its peak, in bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub(super) struct Footprint {
    /// All that a device's allocator has taken, where it has one, else of the whole process, where the system tells.
    pub(super) peak_memory_bytes: Option<u64>,
    /// The largest tensor or scratch buffer that does not outlast a step; unknown on the CPU.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) largest_allocation_bytes: Option<u64>,
}

impl Footprint {
    /// What a device holds now.
    pub(super) fn of(device: &Device) -> Self {
        let Some(pools) = device.memory_pool_report() else {
            return Self {
                peak_memory_bytes: process_peak(),
                largest_allocation_bytes: None,
            };
        };
        Self {
            peak_memory_bytes: device.memory_pool_usage().map(|usage| usage.bytes_reserved),
            largest_allocation_bytes: pools.iter().map(|pool| pool.largest_alloc).max(),
        }
    }

    /// The larger of either.
    pub(super) fn max(self, other: Self) -> Self {
        Self {
            peak_memory_bytes: self.peak_memory_bytes.max(other.peak_memory_bytes),
            largest_allocation_bytes: (self.largest_allocation_bytes)
                .max(other.largest_allocation_bytes),
        }
    }

    /// Whether the device has an allocator of its own.
    pub(super) fn is_device(device: &Device) -> bool {
        device.memory_pool_report().is_some()
    }
}

fn process_peak() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    let kib: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib * 1024)
}

/// Counts the kernels that are launched while it lives.
pub(super) struct Dispatches {
    counter: Arc<Counter>,
    _watching: LaunchObservation,
}

#[derive(Default)]
struct Counter(Mutex<BTreeMap<&'static str, usize>>);

impl Counter {
    fn counts(&self) -> MutexGuard<'_, BTreeMap<&'static str, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl LaunchObserver for Counter {
    fn launched(&self, kernel: &'static str) {
        *self.counts().entry(kernel).or_default() += 1;
    }
}

impl Dispatches {
    pub(super) fn count() -> Self {
        let counter = Arc::new(Counter::default());
        Self {
            _watching: LaunchObservation::new(counter.clone()),
            counter,
        }
    }

    /// Launches so far by the name of the kernel, without its path and type arguments.
    pub(super) fn so_far(&self) -> BTreeMap<String, usize> {
        let mut named = BTreeMap::new();
        for (kernel, count) in self.counter.counts().iter() {
            let plain = kernel.split('<').next().unwrap_or(kernel);
            let name = plain.rsplit("::").next().unwrap_or(plain);
            *named.entry(name.to_owned()).or_default() += count;
        }
        named
    }

    /// While it lives, kernels are compiled and their buffers laid out, and nothing is run.
    pub(super) fn dry_run() -> DryRun {
        DryRun::new()
    }
}
