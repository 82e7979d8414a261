//! The page stores its own files: folders are not supported here.

use std::io;
use std::path::Path;

/// A folder in the making; none can be made on the web.
#[derive(Debug)]
pub struct AtomicFolder;

impl AtomicFolder {
    /// Always [`io::ErrorKind::Unsupported`].
    ///
    /// # Errors
    /// Always.
    pub fn create(_: &Path) -> io::Result<Self> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Always [`io::ErrorKind::Unsupported`].
    ///
    /// # Errors
    /// Always.
    pub fn file(&mut self, _: &str, _: &[u8]) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Always [`io::ErrorKind::Unsupported`].
    ///
    /// # Errors
    /// Always.
    pub fn commit(self, _: Option<&Path>) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

/// Whether there is a file of this name: never.
pub fn exists(_: &Path) -> bool {
    false
}
