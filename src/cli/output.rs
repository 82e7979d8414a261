//! Where messages go.

use crate::cli::bar::above_bar;
use crate::platform::AtomicFile;
use anyhow::{Context, ensure};
use env_logger::Target;
use log::LevelFilter;
use serde::Serializer;
use std::io::{self, Write};
use std::path::{MAIN_SEPARATOR, Path};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Logs to standard error: warnings, with `-v` the program's own messages, with `-vv` those of libraries.
pub(super) fn init_log(verbose: u8) {
    let mut builder = env_logger::Builder::new();
    builder
        .filter_level(LevelFilter::Error)
        .format_target(false)
        .format_timestamp(None)
        .target(Target::Pipe(Box::new(Log)));
    match verbose {
        0 => builder.filter_module("hounsfield", LevelFilter::Warn),
        1 => builder.filter_module("hounsfield", LevelFilter::Info),
        _ => builder.filter_level(LevelFilter::Debug),
    };
    builder.init();
}

/// What the log writes before a warning.
const WARNING: &str = "[WARN ] ";

/// Warnings that were said, or how they begin; none where all are said as often as they come.
static SAID: Mutex<Option<Vec<String>>> = Mutex::new(None);

fn said() -> MutexGuard<'static, Option<Vec<String>>> {
    SAID.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Says no warning twice from now on: the runs of an experiment have most of theirs in common.
pub(super) fn say_warnings_once() {
    said().get_or_insert_default();
}

/// Counts warnings that begin so as said: they were, in other words.
pub(super) fn take_for_said(beginning: &str) {
    if let Some(all) = said().as_mut() {
        all.push(format!("{WARNING}{beginning}"));
    }
}

/// Whether a text of the log is to be written. A warning counts as said from then on.
fn is_new(said: &mut Option<Vec<String>>, text: &str) -> bool {
    let Some(all) = said.as_mut().filter(|_| text.starts_with(WARNING)) else {
        return true;
    };
    let known = all.iter().any(|beginning| text.starts_with(beginning));
    if !known {
        all.push(text.to_owned());
    }
    !known
}

/// Standard error for the log.
struct Log;

impl Write for Log {
    /// Takes a whole message, as the log hands it over.
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        let new = is_new(&mut said(), &String::from_utf8_lossy(text));
        if new {
            above_bar(|| io::stderr().write_all(text))?;
        }
        Ok(text.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

/// Writes a line to standard output, which may be closed or full.
pub(super) fn print(text: &str) -> anyhow::Result<()> {
    writeln!(io::stdout().lock(), "{text}").context("cannot write to standard output")
}

/// Writes a line to standard error. Where nobody reads there any more, as after a terminal was closed, it is lost:
/// that must not end a run.
pub(super) fn say(text: &str) {
    let _ = above_bar(|| writeln!(io::stderr().lock(), "{text}"));
}

/// An error with its causes in one line. A cause whose words are there already is not said twice, and one that begins
/// with all that was said so far, such as the name of a file, says it again alone.
pub(super) fn one_line(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain() {
        let cause = cause.to_string();
        let more = cause.strip_prefix(text.as_str());
        if text.is_empty() || more.is_some_and(|more| more.starts_with([':', ' '])) {
            text = cause;
        } else if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}

/// Whether an error is a closed pipe, as `hounsfield ... | head` makes.
pub(super) fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<io::Error>())
        .any(|cause| cause.kind() == io::ErrorKind::BrokenPipe)
}

/// Refuses a picture whose name says that it is of another kind than the PNG that is written.
pub(super) fn check_picture(file: &Path) -> anyhow::Result<()> {
    let png = (file.extension()).is_none_or(|end| end.eq_ignore_ascii_case("png"));
    ensure!(
        png,
        "{}: pictures are written as PNG: give a name that ends in .png",
        file.display()
    );
    Ok(())
}

/// Refuses a file that cannot be written, before the work whose result it is to hold. What is there stays, and nothing
/// is left beside it.
pub(super) fn try_writing(file: &Path) -> io::Result<()> {
    AtomicFile::create(file).map(drop)
}

/// A path in JSON as it is shown: one that is not UTF-8 is an error there otherwise.
pub(super) fn path_as_shown<S: Serializer>(
    path: &impl AsRef<Path>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&path.as_ref().display())
}

/// A duration as people say it: `8 s`, `3 min 20 s`, `2 h 15 min`.
pub(super) fn duration(seconds: f64) -> String {
    let seconds = seconds.clamp(0.0, 1e9).round() as u64;
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3600, seconds / 60 % 60),
    }
}

/// Bytes as people say them.
pub(super) fn bytes(count: u64) -> String {
    let mib = count as f64 / f64::from(1 << 20);
    if mib < 1024.0 {
        format!("{mib:.0} MiB")
    } else {
        format!("{:.1} GiB", mib / 1024.0)
    }
}

/// A number of things as people say it: `1 volume`, `2 volumes`.
pub(super) fn count(number: impl TryInto<u64>, thing: &str) -> String {
    let number = number.try_into().unwrap_or(u64::MAX);
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {thing}{plural}")
}

/// A word of a command that is shown to be copied: in quotation marks where a shell would take it apart.
pub(super) fn quoted(word: &str) -> String {
    // Windows has it in its paths.
    let windows = MAIN_SEPARATOR == '\\';
    let plain = |c: char| c.is_alphanumeric() || "-_./:@%+=,".contains(c) || (windows && c == '\\');
    match !word.is_empty() && word.chars().all(plain) {
        true => word.to_owned(),
        false if windows => format!("\"{word}\""),
        false => format!("'{}'", word.replace('\'', r"'\''")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_is_said_once() {
        let cause = || io::Error::other("the disk is full");
        let named = anyhow::Error::new(cause()).context("cannot write a: the disk is full");
        assert_eq!(one_line(&named), "cannot write a: the disk is full");
        let bare = anyhow::Error::new(cause()).context("cannot write a");
        assert_eq!(one_line(&bare), "cannot write a: the disk is full");
        let of_file = |cause: &'static str| one_line(&anyhow::Error::msg(cause).context("a.nii"));
        assert_eq!(of_file("a.nii: truncated"), "a.nii: truncated");
        assert_eq!(of_file("a.nii has no label"), "a.nii has no label");
        assert_eq!(of_file("a.nii.gz: truncated"), "a.nii: a.nii.gz: truncated");
    }

    #[test]
    fn a_warning_is_said_once_where_that_is_wanted() {
        let lines = [
            "[WARN ] a\n",
            "[WARN ] a\n",
            "[WARN ] ab\n",
            "[WARN ] known, and more\n",
            "[INFO ] a\n",
            "[INFO ] a\n",
        ];
        let mut said = None;
        assert_eq!(lines.map(|line| is_new(&mut said, line)), [true; 6]);
        said = Some(vec![format!("{WARNING}known")]);
        assert_eq!(
            lines.map(|line| is_new(&mut said, line)),
            [true, false, true, false, true, true]
        );
    }

    #[test]
    fn a_file_is_tried_without_a_trace() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("old"), b"kept").unwrap();
        for name in ["old", "new"] {
            try_writing(&at(name)).unwrap();
        }
        for name in [".", "old/inside", "absent/new"] {
            let error = try_writing(&at(name)).unwrap_err().to_string();
            assert!(error.starts_with("cannot write"), "{error}");
        }
        assert_eq!(std::fs::read(at("old")).unwrap(), b"kept");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[cfg(unix)]
    #[test]
    fn a_path_that_is_not_utf8_is_no_error_in_json() {
        use serde::Serialize;
        use std::ffi::OsStr;
        use std::os::unix::ffi::OsStrExt;
        #[derive(Serialize)]
        struct Report<'a> {
            #[serde(serialize_with = "path_as_shown")]
            file: &'a Path,
        }
        let json = |name: &[u8]| {
            let file = Path::new(OsStr::from_bytes(name));
            serde_json::to_string(&Report { file }).unwrap()
        };
        assert_eq!(json(b"a b.nii"), r#"{"file":"a b.nii"}"#);
        assert_eq!(json(b"M\xfcller.nii"), "{\"file\":\"M\u{fffd}ller.nii\"}");
    }

    #[test]
    fn durations_read_as_people_say_them() {
        assert_eq!(duration(7.6), "8 s");
        assert_eq!(duration(200.0), "3 min 20 s");
        assert_eq!(duration(8100.0), "2 h 15 min");
        assert_eq!(duration(f64::NAN), "0 s");
    }

    #[test]
    fn one_thing_is_no_more_than_one() {
        let told = [0_usize, 1, 2].map(|number| count(number, "case"));
        assert_eq!(told, ["0 cases", "1 case", "2 cases"]);
    }

    #[cfg(unix)]
    #[test]
    fn a_shell_takes_a_quoted_word_for_what_it_is() {
        assert_eq!(quoted("runs/pretrain-small-001"), "runs/pretrain-small-001");
        for word in ["runs/mein Stop", "it's", "a;b", "$HOME", "", "a\\b"] {
            let call = format!("printf %s {}", quoted(word));
            let output = std::process::Command::new("sh")
                .args(["-c", &call])
                .output();
            assert_eq!(output.unwrap().stdout, word.as_bytes(), "{call}");
        }
    }
}
