//! What differs between the native program and the web page: files and clocks.
//!
//! Both twins offer the same names. On the web every file function answers with an
//! [`std::io::ErrorKind::Unsupported`] error, because the page stores files itself.

#[cfg(not(target_family = "wasm"))]
#[path = "folder_native.rs"]
mod folder;
#[cfg(target_family = "wasm")]
#[path = "folder_wasm.rs"]
mod folder;
#[cfg(not(target_family = "wasm"))]
mod native;
#[cfg(not(target_family = "wasm"))]
#[path = "parallel_native.rs"]
mod parallel;
#[cfg(target_family = "wasm")]
#[path = "parallel_wasm.rs"]
mod parallel;
#[cfg(target_family = "wasm")]
mod wasm;

#[cfg(not(target_family = "wasm"))]
pub use native::{AppendFile, AtomicFile, read, write_atomic};
#[cfg(target_family = "wasm")]
pub use wasm::{AppendFile, AtomicFile, read, write_atomic};

pub use folder::{AtomicFolder, exists};
pub use parallel::{fill_chunks, map_chunks, map_tasks, threads, zip_chunks};
pub use web_time::{Instant, SystemTime};
