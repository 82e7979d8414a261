//! From a split file to batches: data lists, the cache of prepared volumes, the prefetching loader,
//! synthetic phantom cases.
//!
//! ```text
//! DataList ─► FileSource ─► Cache ─► Batches ─► Prefetch
//!             MemorySource ─────────┘
//! ```
//! Everything works on plain slices. The parts that need files or threads are native only; the rest is
//! the same in the browser.

mod batch;
#[cfg(not(target_family = "wasm"))]
mod cache;
mod error;
#[cfg(not(target_family = "wasm"))]
mod files;
mod list;
mod loader;
#[cfg(not(target_family = "wasm"))]
mod native;
mod notices;
pub mod phantom;
mod source;

pub use batch::{BatchSettings, Batches, Draw, TrainingBatch};
#[cfg(not(target_family = "wasm"))]
pub use cache::{Cache, CacheCounts};
pub use error::{DatasetError, ProblemReport};
#[cfg(not(target_family = "wasm"))]
pub use files::{FileSource, prepare_file};
pub use list::{Case, DataList};
pub use loader::{Prefetch, WorkerPanic, default_workers, warm_up};
pub use notices::Notice;
pub use source::{MemorySource, VolumeSource};
