//! `metrics.jsonl`: the scalars of a run, one JSON object a line, for any tool that reads JSON.
//!
//! ```text
//! {"step":150,"epoch":1,"crops_per_second":41.5,"gradient_norm":0.37,"learning_rate":0.0001,"train/l1":0.0812,"train/total":0.1423}
//! ```

mod record;

pub use record::Record;

use super::ReportError;
use crate::platform::{self, AppendFile};
use std::path::Path;

/// Name of the file in a run's folder.
pub const METRICS_FILE: &str = "metrics.jsonl";

/// Writes a run's records. Each line is with the operating system when [`MetricsWriter::write`]
/// returns, so a crash of the program loses none.
#[derive(Debug)]
pub struct MetricsWriter {
    file: AppendFile,
}

impl MetricsWriter {
    /// Starts the file of a new run.
    ///
    /// # Errors
    /// When there is a file already: it may hold another run.
    pub fn create(path: &Path) -> Result<MetricsWriter, ReportError> {
        let file = AppendFile::create_new(path)?;
        Ok(MetricsWriter { file })
    }

    /// Continues a run from a checkpoint. Records that are not `known` to it are removed, because the run will write
    /// them again, and so is a last line that a crash left incomplete. The file is replaced as a whole. A missing file
    /// is made.
    ///
    /// # Errors
    /// When a line other than the last is not a record, or the file cannot be written.
    pub fn resume(
        path: &Path,
        known: impl Fn(&Record) -> bool,
    ) -> Result<MetricsWriter, ReportError> {
        match platform::read(path) {
            Ok(old) => {
                let kept = keep(&old, known, &path.display().to_string())?;
                if kept.len() != old.len() {
                    platform::write_atomic(path, &kept)?;
                }
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(error.into()),
        }
        let file = AppendFile::open(path)?;
        Ok(MetricsWriter { file })
    }

    /// Adds one record.
    ///
    /// # Errors
    /// When a scalar has a reserved name or the disk is full; the file then ends with the record
    /// before.
    pub fn write(&mut self, record: &Record) -> Result<(), ReportError> {
        Ok(self.file.append(record.to_line()?.as_bytes())?)
    }
}

/// Reads a metrics file, also while a run is writing it.
///
/// # Errors
/// As [`parse`], or when the file cannot be read.
pub fn read(path: &Path) -> Result<Vec<Record>, ReportError> {
    parse(&platform::read(path)?, &path.display().to_string())
}

/// The records in the bytes of a metrics file. An incomplete last line is passed over.
///
/// # Errors
/// When a line other than the last is not a record; the message has `file` and the line number.
pub fn parse(bytes: &[u8], file: &str) -> Result<Vec<Record>, ReportError> {
    let mut records = Vec::new();
    each_line(bytes, file, |record, _| records.push(record))?;
    Ok(records)
}

/// The scalar `name` against the step, for plots. Records without it are passed over.
pub fn series(records: &[Record], name: &str) -> Vec<(f64, f64)> {
    let point = |record: &Record| Some((record.step as f64, record.get(name)?));
    records.iter().filter_map(point).collect()
}

/// The lines of known records, byte for byte.
fn keep(bytes: &[u8], known: impl Fn(&Record) -> bool, file: &str) -> Result<Vec<u8>, ReportError> {
    let mut kept = Vec::with_capacity(bytes.len());
    each_line(bytes, file, |record, line| {
        if known(&record) {
            kept.extend_from_slice(line);
        }
    })?;
    Ok(kept)
}

/// Calls `take` with each record and its line, line end included. A last line without a line end
/// is incomplete: the writer was stopped within it.
fn each_line(
    bytes: &[u8],
    file: &str,
    mut take: impl FnMut(Record, &[u8]),
) -> Result<(), ReportError> {
    for (index, line) in bytes.split_inclusive(|&byte| byte == b'\n').enumerate() {
        if !line.ends_with(b"\n") {
            break;
        }
        let record = serde_json::from_slice(line).map_err(|error| ReportError::MetricsLine {
            file: file.to_owned(),
            line: index.saturating_add(1),
            cause: error.to_string(),
        })?;
        take(record, line);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    type Outcome = Result<(), Box<dyn std::error::Error>>;

    fn record(step: u64) -> Record {
        Record::new(step, step / 10).with("train/l1", 1.0 / (step + 1) as f64)
    }

    fn steps(path: &Path) -> Result<Vec<u64>, ReportError> {
        Ok(read(path)?.iter().map(|record| record.step).collect())
    }

    #[test]
    fn what_is_written_is_read_back() -> Outcome {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("metrics.jsonl");
        let mut writer = MetricsWriter::create(&path)?;
        writer.write(&record(3))?;
        writer.write(&record(4))?;
        assert_eq!(read(&path)?, [record(3), record(4)]);
        assert!(
            MetricsWriter::create(&path).is_err(),
            "another run was overwritten"
        );
        Ok(())
    }

    #[test]
    fn nan_and_infinity_are_null() -> Outcome {
        let record = Record::new(1, 0)
            .with("a", f64::NAN)
            .with("b", f64::INFINITY)
            .with("c", 0.5);
        let line = record.to_line()?;
        assert_eq!(
            line,
            "{\"step\":1,\"epoch\":0,\"a\":null,\"b\":null,\"c\":0.5}\n"
        );
        let back = parse(line.as_bytes(), "test")?;
        let values = back
            .first()
            .map(|r| (r.get("a").map(f64::is_nan), r.get("c"), r.get("d")));
        assert_eq!(values, Some((Some(true), Some(0.5), None)));
        Ok(())
    }

    #[test]
    fn resuming_forgets_later_steps_and_a_torn_line() -> Outcome {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("metrics.jsonl");
        let mut text = String::new();
        for step in [1, 2, 3, 3, 4] {
            text += &record(step).to_line()?;
        }
        text += "{\"step\":2,\"epoch\":0,\"tra";
        fs::write(&path, &text)?;
        assert_eq!(steps(&path)?, [1, 2, 3, 3, 4]);
        let mut writer = MetricsWriter::resume(&path, |record| record.step <= 3)?;
        writer.write(&record(4))?;
        assert_eq!(steps(&path)?, [1, 2, 3, 3, 4]);
        assert_eq!(fs::read_dir(folder.path())?.count(), 1);
        Ok(())
    }

    #[test]
    fn a_tail_of_zeros_after_a_power_cut_is_a_torn_line() -> Outcome {
        let mut bytes = record(1).to_line()?.into_bytes();
        bytes.extend([0; 512]);
        assert_eq!(parse(&bytes, "test")?, [record(1)]);
        Ok(())
    }

    #[test]
    fn a_damaged_line_in_the_middle_is_named() -> Outcome {
        let text = record(1).to_line()? + "oops\n" + &record(2).to_line()?;
        let error = parse(text.as_bytes(), "m.jsonl").err().ok_or("was read")?;
        assert!(
            error.to_string().starts_with("m.jsonl, line 2: "),
            "{error}"
        );
        Ok(())
    }

    #[test]
    fn a_run_without_a_file_resumes_with_a_new_one() -> Outcome {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("metrics.jsonl");
        MetricsWriter::resume(&path, |record| record.step <= 7)?.write(&record(8))?;
        assert_eq!(steps(&path)?, [8]);
        Ok(())
    }

    #[test]
    fn a_series_has_the_points_that_exist() {
        let records = [record(1), Record::new(2, 0).with("val/l1", 0.25)];
        assert_eq!(series(&records, "val/l1"), [(2.0, 0.25)]);
    }
}
