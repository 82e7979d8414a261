//! The `--device` flag.

use crate::device::DeviceError;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// A graphics interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Api {
    /// Linux, Windows, Android.
    Vulkan,
    /// Apple.
    Metal,
    /// Windows.
    Dx12,
    /// OpenGL, the fallback.
    Gl,
    /// Browsers, whatever lies below.
    WebGpu,
}

/// What the user asked for: `auto`, `cpu`, or an interface with an optional adapter number as `doctor` lists it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum DeviceChoice {
    /// A real GPU if there is one, else the CPU.
    #[default]
    Auto,
    /// The CPU backend.
    Cpu,
    /// An adapter of an interface; without a number the first real GPU, else its software adapter.
    Gpu(Api, Option<usize>),
}

impl Api {
    /// All interfaces of native programs, best first. Metal is on Apple's machines alone, where Vulkan goes through it.
    pub const ALL: [Api; 4] = [Api::Metal, Api::Vulkan, Api::Dx12, Api::Gl];

    /// The name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Api::Vulkan => "vulkan",
            Api::Metal => "metal",
            Api::Dx12 => "dx12",
            Api::Gl => "gl",
            Api::WebGpu => "webgpu",
        }
    }
}

impl FromStr for DeviceChoice {
    type Err = DeviceError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let unknown = || DeviceError::UnknownName(text.to_owned());
        let (name, number) = match text.split_once(':') {
            Some((name, number)) => (name, Some(number.parse().map_err(|_| unknown())?)),
            None => (text, None),
        };
        match (name, number) {
            ("auto", None) => Ok(DeviceChoice::Auto),
            ("cpu", None) => Ok(DeviceChoice::Cpu),
            ("webgpu", None) => Ok(DeviceChoice::Gpu(Api::WebGpu, None)),
            _ => Api::ALL
                .into_iter()
                .find(|api| api.name() == name)
                .map(|api| DeviceChoice::Gpu(api, number))
                .ok_or_else(unknown),
        }
    }
}

impl fmt::Display for DeviceChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DeviceChoice::Auto => f.write_str("auto"),
            DeviceChoice::Cpu => f.write_str("cpu"),
            DeviceChoice::Gpu(api, None) => f.write_str(api.name()),
            DeviceChoice::Gpu(api, Some(number)) => write!(f, "{}:{number}", api.name()),
        }
    }
}

impl TryFrom<String> for DeviceChoice {
    type Error = DeviceError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<DeviceChoice> for String {
    fn from(choice: DeviceChoice) -> Self {
        choice.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_device_name_reads_back_as_written() {
        for name in ["auto", "cpu", "vulkan", "metal:1", "dx12:0", "gl", "webgpu"] {
            let choice: DeviceChoice = name.parse().unwrap();
            assert_eq!(choice.to_string(), name);
        }
    }

    #[test]
    fn names_that_are_no_device_are_refused() {
        for name in [
            "",
            "gpu",
            "cpu:1",
            "vulkan:",
            "vulkan:-1",
            "vulkan:x",
            "auto:0",
            "webgpu:0",
        ] {
            assert!(name.parse::<DeviceChoice>().is_err(), "{name}");
        }
    }

    #[test]
    fn whoever_names_an_unknown_device_is_told_all_names() {
        let told = "gpu".parse::<DeviceChoice>().unwrap_err().to_string();
        let names = Api::ALL.into_iter().chain([Api::WebGpu]).map(Api::name);
        for name in names.chain(["auto", "cpu"]) {
            assert!(told.contains(name), "{name}: {told}");
        }
    }
}
