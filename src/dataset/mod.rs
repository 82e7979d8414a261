//! From a split file to batches: data lists, the cache of prepared volumes, the prefetching loader,
//! synthetic phantom cases.
//!
//! ```text
//! DataList ─► FileSource ─► Cache ─► Batches ─────────► Prefetch
//!             MemorySource ───────┴► LabelledBatches ─┘
//! ```
//! A source gives prepared volumes (stage one) or prepared volumes with their labels (stage two).
//! Everything works on plain slices. The parts that need files or threads are native only; the rest is
//! the same in the browser.

mod batch;
#[cfg(not(target_family = "wasm"))]
mod cache;
mod classes;
mod description;
mod error;
#[cfg(not(target_family = "wasm"))]
mod files;
#[cfg(not(target_family = "wasm"))]
mod folder;
mod labelled;
mod list;
mod loader;
mod modality;
mod names;
#[cfg(not(target_family = "wasm"))]
mod native;
mod notices;
mod pairing;
mod paths;
pub mod phantom;
mod plan;
mod sides;
mod source;

pub use batch::{BatchSettings, Batches, TrainingBatch};
#[cfg(not(target_family = "wasm"))]
pub use cache::{Cache, CacheCounts, Cached, WithDoubts};
pub use classes::{ClassNotice, class_names, class_notices, says_more_than_number};
pub use error::{DatasetError, ProblemReport, WorkerPanic};
#[cfg(not(target_family = "wasm"))]
pub use files::{FileSource, Preparation, prepare_file};
#[cfg(not(target_family = "wasm"))]
pub use folder::LabelledFolder;
pub use labelled::{LabelledBatch, LabelledBatches, LabelledSettings};
pub use list::{Case, DataList, LIST_FILE};
pub use loader::{Prefetch, warm_up};
pub use modality::is_ct;
pub use names::{case_names, image_names, label_names, prediction_names};
#[cfg(not(target_family = "wasm"))]
pub use native::check_cases;
pub use notices::{Notice, scan};
pub use pairing::{case_name, names_labels, pair_by_name, without_channel};
pub use paths::absolute;
pub use plan::Draw;
pub use sides::two_sides;
pub use source::{MemorySource, VolumeSource};
