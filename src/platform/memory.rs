//! Files of a page, in memory and under paths as on a disk: the page has no file system that answers at once. What
//! shall outlive the page is copied from here by whoever shows it.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::rc::Rc;

thread_local! {
    static FILES: RefCell<BTreeMap<PathBuf, Rc<Vec<u8>>>> = const { RefCell::new(BTreeMap::new()) };
}

fn with<T>(work: impl FnOnce(&mut BTreeMap<PathBuf, Rc<Vec<u8>>>) -> T) -> T {
    FILES.with_borrow_mut(work)
}

/// The whole content of a file.
///
/// # Errors
/// [`io::ErrorKind::NotFound`] where there is none.
pub fn read(path: &Path) -> io::Result<Vec<u8>> {
    let missing = || {
        let text = format!(
            "cannot read {}: the page holds no such file",
            path.display()
        );
        io::Error::new(io::ErrorKind::NotFound, text)
    };
    with(|files| files.get(path).map(|bytes| bytes.to_vec())).ok_or_else(missing)
}

/// Makes or replaces a file.
///
/// # Errors
/// Never here.
pub fn write_atomic(path: &Path, bytes: &[u8]) -> io::Result<()> {
    with(|files| files.insert(path.to_owned(), Rc::new(bytes.to_vec())));
    Ok(())
}

/// Whether there is a file or folder of this name.
pub fn exists(path: &Path) -> bool {
    with(|files| files.keys().any(|file| file.starts_with(path)))
}

/// All files of a folder and the folders in it, with their paths from there. The bytes are shared, not copied.
pub fn files_in(folder: &Path) -> Vec<(PathBuf, Rc<Vec<u8>>)> {
    with(|files| {
        let inside = |(path, bytes): (&PathBuf, &Rc<Vec<u8>>)| {
            let name = path.strip_prefix(folder).ok()?;
            Some((name.to_owned(), Rc::clone(bytes)))
        };
        files.iter().filter_map(inside).collect()
    })
}

/// Removes a folder with all that is in it, or a file.
pub fn remove(folder: &Path) {
    with(|files| files.retain(|path, _| !path.starts_with(folder)));
}

/// A file in the making: [`AtomicFile::commit`] puts it in its place.
#[derive(Debug)]
pub struct AtomicFile {
    path: PathBuf,
    bytes: Vec<u8>,
}

impl AtomicFile {
    /// Begins a file.
    ///
    /// # Errors
    /// Never here.
    pub fn create(path: impl AsRef<Path>) -> io::Result<AtomicFile> {
        Ok(AtomicFile {
            path: path.as_ref().to_owned(),
            bytes: Vec::new(),
        })
    }

    /// Puts the file in its place.
    ///
    /// # Errors
    /// Never here.
    pub fn commit(self) -> io::Result<()> {
        with(|files| files.insert(self.path, Rc::new(self.bytes)));
        Ok(())
    }
}

impl Write for AtomicFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bytes.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A log file: pieces are added at its end.
#[derive(Debug)]
pub struct AppendFile {
    path: PathBuf,
}

impl AppendFile {
    /// Opens `path` to add to it; makes it when it does not exist.
    ///
    /// # Errors
    /// Never here.
    pub fn open(path: impl AsRef<Path>) -> io::Result<AppendFile> {
        let path = path.as_ref().to_owned();
        with(|files| {
            files.entry(path.clone()).or_default();
        });
        Ok(AppendFile { path })
    }

    /// Makes a new file.
    ///
    /// # Errors
    /// [`io::ErrorKind::AlreadyExists`] when there is one already.
    pub fn create_new(path: impl AsRef<Path>) -> io::Result<AppendFile> {
        if with(|files| files.contains_key(path.as_ref())) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        AppendFile::open(path)
    }

    /// Adds one piece.
    ///
    /// # Errors
    /// Never here.
    pub fn append(&mut self, piece: &[u8]) -> io::Result<()> {
        with(|files| {
            let bytes = files.entry(self.path.clone()).or_default();
            Rc::make_mut(bytes).extend_from_slice(piece);
        });
        Ok(())
    }

    /// The file's path, as given.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// A folder in the making: [`AtomicFolder::commit`] puts it in its place.
#[derive(Debug)]
pub struct AtomicFolder {
    target: PathBuf,
    files: Vec<(PathBuf, Vec<u8>)>,
}

impl AtomicFolder {
    /// Begins a folder.
    ///
    /// # Errors
    /// Never here.
    pub fn create(target: &Path) -> io::Result<Self> {
        Ok(AtomicFolder {
            target: target.to_owned(),
            files: Vec::new(),
        })
    }

    /// Adds a file.
    ///
    /// # Errors
    /// Never here.
    pub fn file(&mut self, name: &str, bytes: &[u8]) -> io::Result<()> {
        self.files.push((name.into(), bytes.to_vec()));
        Ok(())
    }

    /// Puts the folder in its place. What was there becomes `previous`, or is removed.
    ///
    /// # Errors
    /// Never here.
    pub fn commit(self, previous: Option<&Path>) -> io::Result<()> {
        if let Some(previous) = previous.filter(|_| exists(&self.target)) {
            remove(previous);
            for (name, bytes) in files_in(&self.target) {
                with(|files| files.insert(previous.join(name), bytes));
            }
        }
        remove(&self.target);
        for (name, bytes) in self.files {
            with(|files| files.insert(self.target.join(name), Rc::new(bytes)));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_committed_folder_replaces_the_old_one_and_keeps_it_as_previous() {
        let (last, previous) = (Path::new("run/last"), Path::new("run/previous"));
        for text in ["one", "two", "three"] {
            let mut folder = AtomicFolder::create(last).unwrap();
            folder.file("a", text.as_bytes()).unwrap();
            folder.commit(Some(previous)).unwrap();
        }
        assert_eq!(read(&last.join("a")).unwrap(), b"three");
        assert_eq!(read(&previous.join("a")).unwrap(), b"two");
        assert_eq!(files_in(Path::new("run")).len(), 2);
        remove(last);
        assert!(exists(Path::new("run")) && !exists(last));
        assert_eq!(
            read(&last.join("a")).unwrap_err().kind(),
            io::ErrorKind::NotFound
        );
    }

    #[test]
    fn pieces_are_added_and_a_copy_taken_before_does_not_change() {
        let path = Path::new("logs/metrics");
        let mut log = AppendFile::create_new(path).unwrap();
        log.append(b"one ").unwrap();
        let before = files_in(Path::new("logs"));
        log.append(b"two").unwrap();
        assert_eq!(read(path).unwrap(), b"one two");
        assert_eq!(before[0].1.as_slice(), b"one ");
        assert!(AppendFile::create_new(path).is_err());
    }
}
