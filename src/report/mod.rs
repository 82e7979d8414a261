//! What a run leaves behind for people: scalars in a line-oriented file, TensorBoard events,
//! curves, pictures of volumes and a summary. This room takes plain numbers and the events of a run,
//! and knows no tensor library.
//!
//! | file | made by |
//! | --- | --- |
//! | `metrics.jsonl` | [`metrics::MetricsWriter`] |
//! | `events.out.tfevents.*` | [`tensorboard::EventWriter`] |
//! | `curves.png` | `curves::draw` (feature `cli`) |
//! | `reconstruction.png`, `prediction.png` | [`picture::picture_montage`], `labels::labelled_picture` (feature `cli`) |
//! | `summary.json` and other results | [`json::write_json`] |
//! | `results.png` | `bars::draw` (feature `cli`) |
//! | tables in text, Markdown and CSV | [`table`], [`scores`], [`results`] |

mod display;
pub mod image;
pub mod json;
mod label_colours;
pub mod metrics;
pub mod montage;
pub mod picture;
pub mod results;
mod row;
pub mod run_records;
pub mod scores;
mod showing;
mod slice;
pub mod table;
pub mod tensorboard;
mod tfrecord;

#[cfg(feature = "cli")]
mod axis;
#[cfg(feature = "cli")]
pub mod bars;
#[cfg(feature = "cli")]
mod canvas;
#[cfg(feature = "cli")]
pub mod curves;
#[cfg(feature = "cli")]
mod fitting;
#[cfg(feature = "cli")]
mod glyphs;
#[cfg(feature = "cli")]
pub mod labels;
#[cfg(feature = "cli")]
pub mod learning;
#[cfg(feature = "cli")]
mod legend;
#[cfg(feature = "cli")]
mod panel;
#[cfg(feature = "cli")]
mod plot;
#[cfg(feature = "cli")]
mod smooth;
#[cfg(feature = "cli")]
mod style;
#[cfg(feature = "cli")]
mod thinned;

/// What can go wrong while a report is written or read.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// A file could not be read or written; the message names it.
    #[error(transparent)]
    File(#[from] std::io::Error),
    /// A line of a metrics file is not a record.
    #[error(
        "{file}, line {line}: not a metrics record ({cause}); remove this line or move the file away"
    )]
    MetricsLine {
        /// The file.
        file: String,
        /// Line number, from 1.
        line: usize,
        /// What the parser says.
        cause: String,
    },
    /// A scalar has the name of one of a record's own fields.
    #[error("a scalar cannot be called `{0}`: every record has a field of that name")]
    ReservedName(String),
    /// A value cannot be written as JSON.
    #[error("{file}: cannot be written as JSON: {cause}")]
    Json {
        /// The file.
        file: String,
        /// What the serializer says.
        cause: String,
    },
    /// The voxels or labels of a montage row do not fill its shape.
    #[error("`{row}` has {found} {what}, but a volume of shape {shape:?} has {expected}")]
    RowLength {
        /// Name of the row.
        row: String,
        /// `values` or `labels`.
        what: &'static str,
        /// How many there are.
        found: usize,
        /// How many there should be.
        expected: usize,
        /// Shape of all rows.
        shape: [usize; 3],
    },
    /// A montage without rows, slices or voxels.
    #[error("nothing to show: {rows} rows, {slices} slices, volumes of shape {shape:?}")]
    Empty {
        /// Number of rows.
        rows: usize,
        /// Number of slices.
        slices: usize,
        /// Shape of all rows.
        shape: [usize; 3],
    },
    /// A slice index or an axis outside the volume.
    #[error("slice {index} of axis {axis} is outside a volume of shape {shape:?}")]
    Slice {
        /// Requested index.
        index: usize,
        /// Requested axis, 0 to 2.
        axis: usize,
        /// Shape of all rows.
        shape: [usize; 3],
    },
    /// A picture with too many pixels.
    #[error("a picture of {width} x {height} pixels is too large")]
    PictureSize {
        /// Width in pixels.
        width: usize,
        /// Height in pixels.
        height: usize,
    },
    /// The PNG encoder refused a picture.
    #[error("the picture cannot be encoded as PNG: {0}")]
    Png(#[from] png::EncodingError),
    /// The drawing library failed.
    #[cfg(feature = "cli")]
    #[error("the picture cannot be drawn: {0}")]
    Draw(String),
}
