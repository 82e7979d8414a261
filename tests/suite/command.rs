//! Calls of the program, what they leave, and small files to call it with.

use serde_json::Value;
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// Settings of a run on phantoms that takes a moment.
pub(crate) const TINY: &str = "pretrain --phantoms 2 --roi-size 16 --patch-size 8 --hidden-size 16 --mlp-dim 16 --layers 1 --heads 2 \
                    --spacing 8 --epochs 1 --batch-volumes 1 --samples-per-volume 1 --device cpu";
/// The same sizes for volumes of [`write_volume`].
pub(crate) const SMALL_NETWORK: &str = "pretrain --roi-size 16 --patch-size 8 --hidden-size 16 --mlp-dim 16 --layers 1 --heads 2 \
                             --spacing 4 --epochs 1 --batch-volumes 1 --samples-per-volume 1 --device cpu";

/// Exit codes of the program.
pub(crate) const FAILED: i32 = 1;
pub(crate) const WRONG_USAGE: i32 = 2;

/// What a call of the program left.
pub(crate) struct Done {
    pub(crate) call: String,
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Done {
    pub(crate) fn of(call: String, output: &Output) -> Self {
        Done {
            call,
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// All of it, for the message of a failed test.
    pub(crate) fn told(&self) -> String {
        format!(
            "\n$ hounsfield {}\nexit code {:?}\n--- standard output\n{}--- standard error\n{}---",
            self.call, self.code, self.stdout, self.stderr
        )
    }

    pub(crate) fn succeeded(self) -> Self {
        assert_eq!(self.code, Some(0), "{}", self.told());
        self
    }

    /// Standard output as the one JSON object it must be.
    pub(crate) fn json(&self) -> Value {
        let value: Value = serde_json::from_str(&self.stdout)
            .unwrap_or_else(|e| panic!("not one JSON value: {e}{}", self.told()));
        assert!(value.is_object(), "not an object{}", self.told());
        value
    }
}

/// The program in a folder. Settings of this machine that libraries talk about are kept out.
pub(crate) fn program(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hounsfield"));
    command
        .current_dir(folder)
        .env("NODEVICE_SELECT", "1")
        .env_remove("RUST_LOG")
        .stdin(Stdio::null());
    command
}

/// Splits at blanks, then appends what may hold blanks.
pub(crate) fn words<'a>(text: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    text.split_whitespace()
        .chain(more.iter().copied())
        .collect()
}

/// A call that fails where no file may grow over 16 KiB, as on a disk that is nearly full: a checkpoint does not fit.
#[cfg(unix)]
pub(crate) fn fails_on_a_full_disk(folder: &Path, args: &str) -> Done {
    let call = format!(
        "trap '' XFSZ; ulimit -f 32; exec {:?} {args}",
        env!("CARGO_BIN_EXE_hounsfield")
    );
    let mut shell = Command::new("sh");
    let output = shell.current_dir(folder).args(["-c", &call]).output();
    let done = Done::of(call, &output.unwrap());
    assert_eq!(done.code, Some(FAILED), "{}", done.told());
    let last = done.stderr.lines().last().unwrap_or_default();
    assert!(last.starts_with("error: cannot write"), "{}", done.told());
    done
}

/// Runs the program to its end.
pub(crate) fn run(folder: &Path, args: &[&str]) -> Done {
    let output = program(folder)
        .args(args)
        .output()
        .expect("the program starts");
    Done::of(args.join(" "), &output)
}

/// Every file and folder below, but for the cache of prepared volumes.
pub(crate) fn entries(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.display().to_string();
        if path.file_name().is_some_and(|name| name == "cache") {
            continue;
        }
        if path.is_dir() {
            found.extend(entries(&path));
        }
        found.push(name);
    }
    found.sort();
    found
}

/// The call fails with `code` and one line of error that holds every part, and leaves nothing new.
pub(crate) fn refused(folder: &Path, args: &[&str], code: i32, parts: &[&str]) {
    let before = entries(folder);
    let done = run(folder, args);
    let told = done.told();
    assert_eq!(done.code, Some(code), "{told}");
    let lines: Vec<&str> = done.stderr.lines().collect();
    let errors = lines
        .iter()
        .filter(|line| line.starts_with("error: "))
        .count();
    assert_eq!(errors, 1, "one line begins with 'error: '{told}");
    let last = lines.last().copied().unwrap_or_default();
    assert!(
        last.starts_with("error: "),
        "the error is one line and the last{told}"
    );
    for part in parts {
        assert!(last.contains(part), "'{part}' is named{told}");
    }
    assert_eq!(done.stdout, "", "{told}");
    assert_eq!(entries(folder), before, "nothing is left behind{told}");
}

/// Writes a NIfTI-1 file of 20 x 20 x 20 voxels of 4 mm.
pub(crate) fn write_volume(path: &Path, value: impl Fn(usize) -> i16) {
    let mut bytes = vec![0u8; 352];
    let mut put = |at: usize, value: &[u8]| bytes[at..at + value.len()].copy_from_slice(value);
    put(0, &348i32.to_le_bytes());
    for (at, size) in [3i16, 20, 20, 20, 1, 1, 1, 1].into_iter().enumerate() {
        put(40 + 2 * at, &size.to_le_bytes());
    }
    put(70, &4i16.to_le_bytes());
    put(72, &16i16.to_le_bytes());
    for (at, size) in [1f32, 4.0, 4.0, 4.0].into_iter().enumerate() {
        put(76 + 4 * at, &size.to_le_bytes());
    }
    put(108, &352f32.to_le_bytes());
    put(112, &1f32.to_le_bytes());
    put(254, &1i16.to_le_bytes());
    for axis in 0..3 {
        put(280 + 20 * axis, &4f32.to_le_bytes());
    }
    put(344, b"n+1\0");
    bytes.extend((0..8000).flat_map(|index| value(index).to_le_bytes()));
    std::fs::write(path, bytes).unwrap();
}

/// Values of a volume that differs from those of other numbers.
pub(crate) fn texture(number: usize) -> impl Fn(usize) -> i16 {
    move |index| (index * (37 + number) + index / 400 * (11 * number + 3)) as i16 % 350 - 100
}

/// Writes a split file with these training images and says what it is called.
pub(crate) fn write_list(folder: &Path, images: &[&str]) -> &'static str {
    let list = serde_json::json!({ "training": images });
    std::fs::write(folder.join("list.json"), list.to_string()).unwrap();
    "list.json"
}

pub(crate) fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

pub(crate) fn text(path: &Path) -> &str {
    path.to_str().expect("paths of the tests are text")
}
