//! TensorBoard event files, so that `tensorboard --logdir runs` shows a run while it trains.
//!
//! An event file is a sequence of TFRecords, each a protocol buffer message `Event`. Field numbers
//! are those of TensorFlow's `event.proto` and `summary.proto`.

use super::ReportError;
use super::image::RgbImage;
use super::metrics::Record;
use super::tfrecord::{Message, frame};
use crate::platform::{AppendFile, SystemTime};
use std::io;
use std::path::Path;

/// What the names of event files begin with, and what TensorBoard knows them by.
pub const EVENTS: &str = "events.out.tfevents.";

/// First event of every file; readers refuse a file without it.
const FILE_VERSION: &[u8] = b"brain.Event:2";

/// `Event` fields.
const EVENT_WALL_TIME: u64 = 1;
const EVENT_STEP: u64 = 2;
const EVENT_FILE_VERSION: u64 = 3;
const EVENT_SUMMARY: u64 = 5;
const EVENT_SESSION_LOG: u64 = 7;
/// `SessionLog.status` and its value START.
const SESSION_STATUS: u64 = 1;
const SESSION_START: u64 = 1;
/// `Summary.value`, and the fields of `Summary.Value`.
const SUMMARY_VALUE: u64 = 1;
const VALUE_TAG: u64 = 1;
const VALUE_SIMPLE: u64 = 2;
const VALUE_IMAGE: u64 = 4;
/// `Summary.Image` fields.
const IMAGE_HEIGHT: u64 = 1;
const IMAGE_WIDTH: u64 = 2;
const IMAGE_COLORSPACE: u64 = 3;
const IMAGE_ENCODED: u64 = 4;
/// `Summary.Image.colorspace` of RGB.
const COLORSPACE_RGB: u64 = 3;

/// Writes one event file. Each event is with the operating system when the call returns.
#[derive(Debug)]
pub struct EventWriter {
    file: AppendFile,
}

impl EventWriter {
    /// Starts a new event file in `folder`, called `events.out.tfevents.<unix seconds>.<suffix>`.
    /// TensorBoard reads all event files of a folder in the order of their names.
    ///
    /// # Errors
    /// When the folder does not exist or cannot be written to.
    pub fn create(folder: &Path) -> Result<EventWriter, ReportError> {
        let seconds = wall_time() as u64;
        let mut count = 0_u32;
        let file = loop {
            // Two runs may start within the same second.
            let name = format!("{EVENTS}{seconds:010}.hounsfield.{count}");
            match AppendFile::create_new(folder.join(name)) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                    count = count.saturating_add(1);
                }
                file => break file?,
            }
        };
        let mut writer = EventWriter { file };
        writer.event(0, EVENT_FILE_VERSION, FILE_VERSION)?;
        Ok(writer)
    }

    /// Starts the event file of a run that continues after `step` steps. TensorBoard then drops
    /// what earlier files of the folder say about later steps.
    ///
    /// # Errors
    /// As [`EventWriter::create`].
    pub fn resume(folder: &Path, step: u64) -> Result<EventWriter, ReportError> {
        let mut writer = EventWriter::create(folder)?;
        let mut log = Message::default();
        log.number(SESSION_STATUS, SESSION_START);
        writer.event(step.saturating_add(1), EVENT_SESSION_LOG, &log.0)?;
        Ok(writer)
    }

    /// Adds all scalars of a record as one event. Values are stored as `f32`.
    ///
    /// # Errors
    /// When the disk is full.
    pub fn scalars(&mut self, record: &Record) -> Result<(), ReportError> {
        let mut summary = Message::default();
        for (tag, value) in &record.scalars {
            let mut entry = Message::default();
            entry.bytes(VALUE_TAG, tag.as_bytes());
            entry.float(VALUE_SIMPLE, *value as f32);
            summary.bytes(SUMMARY_VALUE, &entry.0);
        }
        self.event(record.step, EVENT_SUMMARY, &summary.0)
    }

    /// Adds a picture under the name `tag`.
    ///
    /// # Errors
    /// When the disk is full or the picture cannot be encoded.
    pub fn image(&mut self, step: u64, tag: &str, image: &RgbImage) -> Result<(), ReportError> {
        let mut picture = Message::default();
        picture.number(IMAGE_HEIGHT, image.height() as u64);
        picture.number(IMAGE_WIDTH, image.width() as u64);
        picture.number(IMAGE_COLORSPACE, COLORSPACE_RGB);
        picture.bytes(IMAGE_ENCODED, &image.encode_png()?);
        let mut entry = Message::default();
        entry.bytes(VALUE_TAG, tag.as_bytes());
        entry.bytes(VALUE_IMAGE, &picture.0);
        let mut summary = Message::default();
        summary.bytes(SUMMARY_VALUE, &entry.0);
        self.event(step, EVENT_SUMMARY, &summary.0)
    }

    fn event(&mut self, step: u64, field: u64, content: &[u8]) -> Result<(), ReportError> {
        let mut event = Message::default();
        event.double(EVENT_WALL_TIME, wall_time());
        event.number(EVENT_STEP, step);
        event.bytes(field, content);
        Ok(self.file.append(&frame(&event.0))?)
    }
}

/// Seconds since 1970.
fn wall_time() -> f64 {
    let elapsed = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    elapsed.unwrap_or_default().as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::super::tfrecord::tests::{field, fields, records};
    use super::*;

    type Outcome = Result<(), Box<dyn std::error::Error>>;

    #[test]
    fn scalars_can_be_parsed_back() -> Outcome {
        let folder = tempfile::tempdir()?;
        let mut writer = EventWriter::create(folder.path())?;
        writer.scalars(
            &Record::new(300, 2)
                .with("train/l1", 0.125)
                .with("val/l1", -2.0),
        )?;
        let bytes = std::fs::read(writer.file.path())?;
        let records = records(&bytes).ok_or("torn record")?;
        let [version, scalars] = records[..] else {
            return Err("expected two events".into());
        };
        assert_eq!(
            field(version, EVENT_FILE_VERSION).as_deref(),
            Some(FILE_VERSION)
        );
        assert_eq!(
            field(scalars, EVENT_STEP),
            Some(300_u64.to_le_bytes().to_vec())
        );
        let summary = field(scalars, EVENT_SUMMARY).ok_or("no summary")?;
        let mut found = Vec::new();
        for (_, value) in fields(&summary).ok_or("torn summary")? {
            let tag = field(&value, VALUE_TAG).ok_or("no tag")?;
            found.push((String::from_utf8(tag)?, field(&value, VALUE_SIMPLE)));
        }
        let expected = [("train/l1", 0.125_f32), ("val/l1", -2.0)];
        let expected = expected.map(|(t, v)| (t.to_owned(), Some(v.to_le_bytes().to_vec())));
        assert_eq!(found, expected);
        Ok(())
    }

    #[test]
    fn a_resumed_run_writes_its_own_file_and_says_where_it_starts() -> Outcome {
        let folder = tempfile::tempdir()?;
        EventWriter::create(folder.path())?;
        let writer = EventWriter::resume(folder.path(), 40)?;
        assert_eq!(std::fs::read_dir(folder.path())?.count(), 2);
        let bytes = std::fs::read(writer.file.path())?;
        let start = *records(&bytes)
            .ok_or("torn record")?
            .last()
            .ok_or("no event")?;
        assert_eq!(
            field(start, EVENT_STEP),
            Some(41_u64.to_le_bytes().to_vec())
        );
        assert!(field(start, EVENT_SESSION_LOG).is_some());
        Ok(())
    }

    #[test]
    fn a_picture_is_stored_as_png() -> Outcome {
        let folder = tempfile::tempdir()?;
        let mut writer = EventWriter::create(folder.path())?;
        writer.image(5, "views", &RgbImage::new(3, 2, [9, 9, 9])?)?;
        let bytes = std::fs::read(writer.file.path())?;
        let event = *records(&bytes)
            .ok_or("torn record")?
            .last()
            .ok_or("no event")?;
        let value = field(event, EVENT_SUMMARY).and_then(|s| field(&s, SUMMARY_VALUE));
        let image = value
            .and_then(|v| field(&v, VALUE_IMAGE))
            .ok_or("no image")?;
        assert_eq!(
            field(&image, IMAGE_WIDTH),
            Some(3_u64.to_le_bytes().to_vec())
        );
        let png = field(&image, IMAGE_ENCODED).ok_or("no picture")?;
        assert!(png.starts_with(b"\x89PNG"));
        Ok(())
    }
}
