//! The web twin of the file functions: a page has no file system.

use std::io::{self, Write};
use std::path::Path;

fn unsupported<T>(path: &Path) -> io::Result<T> {
    Err(io::Error::new(
        io::ErrorKind::Unsupported,
        format!("{}: a web page has no file system", path.display()),
    ))
}

/// A file that cannot be made here: [`AtomicFile::create`] always fails.
#[derive(Debug)]
pub enum AtomicFile {}

impl AtomicFile {
    /// Always fails: a page has no file system.
    pub fn create(path: impl AsRef<Path>) -> io::Result<AtomicFile> {
        unsupported(path.as_ref())
    }

    /// Never called: there is no value of this type.
    pub fn commit(self) -> io::Result<()> {
        match self {}
    }
}

impl Write for AtomicFile {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        match *self {}
    }

    fn flush(&mut self) -> io::Result<()> {
        match *self {}
    }
}

/// A file that cannot be opened here: both constructors always fail.
#[derive(Debug)]
pub enum AppendFile {}

impl AppendFile {
    /// Always fails: a page has no file system.
    pub fn open(path: impl AsRef<Path>) -> io::Result<AppendFile> {
        unsupported(path.as_ref())
    }

    /// Always fails: a page has no file system.
    pub fn create_new(path: impl AsRef<Path>) -> io::Result<AppendFile> {
        unsupported(path.as_ref())
    }

    /// Never called: there is no value of this type.
    pub fn append(&mut self, _: &[u8]) -> io::Result<()> {
        match *self {}
    }

    /// Never called: there is no value of this type.
    pub fn path(&self) -> &Path {
        match *self {}
    }
}

/// Always fails: a page has no file system.
pub fn read(path: &Path) -> io::Result<Vec<u8>> {
    unsupported(path)
}

/// Always fails: a page has no file system.
pub fn write_atomic(path: &Path, _: &[u8]) -> io::Result<()> {
    unsupported(path)
}
