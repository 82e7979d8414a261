//! What differs between the native program and the web page: files, clocks, threads.
//!
//! Both twins offer the same names, but for `keep_freed_memory`, `keeping_nohup`, `FolderLock`, `LOCK_FILE` and
//! `is_temporary`, which only the native program has, and `run_constructors`, which only a page's calls. A page's files
//! are in memory ([`memory`]): whoever shows the page keeps copies.

#[cfg(target_family = "wasm")]
mod constructors;
#[cfg(not(target_family = "wasm"))]
#[path = "folder_native.rs"]
mod folder;
#[cfg(any(target_family = "wasm", test))]
pub mod memory;
#[cfg(not(target_family = "wasm"))]
mod native;
#[cfg(not(target_family = "wasm"))]
#[path = "parallel_native.rs"]
mod parallel;
#[cfg(target_family = "wasm")]
#[path = "parallel_wasm.rs"]
mod parallel;
#[cfg(not(target_family = "wasm"))]
#[path = "turn_native.rs"]
mod turn;
#[cfg(target_family = "wasm")]
#[path = "turn_wasm.rs"]
mod turn;

#[cfg(target_family = "wasm")]
pub use constructors::run_constructors;
#[cfg(not(target_family = "wasm"))]
pub use folder::{AtomicFolder, exists};
#[cfg(target_family = "wasm")]
pub use memory::{AppendFile, AtomicFile, AtomicFolder, exists, read, write_atomic};
#[cfg(not(target_family = "wasm"))]
pub use native::{
    AppendFile, AtomicFile, FolderLock, LOCK_FILE, is_temporary, keep_freed_memory, keeping_nohup,
    read, write_atomic,
};

pub use parallel::{each_chunk, map_tasks, spread_product, threads, zip_chunks};
pub use turn::{MAY_WAIT, yield_now};
pub use web_time::{Instant, SystemTime};
