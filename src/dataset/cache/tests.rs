//! How the cache behaves over files that stay, change, and break.

use std::cell::Cell;
use std::fs::{self, File};
use std::io;
use std::sync::Barrier;
use std::time::{Duration, SystemTime};

use tempfile::TempDir;

use super::*;
use crate::volume::{Affine, VolumeError};

type Outcome = Result<(), Box<dyn std::error::Error>>;

/// A volume of eight voxels, 32 bytes.
fn volume(value: f32) -> Result<WithDoubts<Volume>, VolumeError> {
    let item = Volume::new([2; 3], vec![value; 8], Affine::identity())?;
    let doubts = Vec::new();
    Ok(WithDoubts { item, doubts })
}

/// A folder with a cache folder and source files in it.
struct Fixture(TempDir);

impl Fixture {
    fn new() -> io::Result<Fixture> {
        tempfile::tempdir().map(Fixture)
    }

    fn folder(&self) -> PathBuf {
        self.0.path().join("made/here")
    }

    fn cache(&self, memory: u64) -> Cache {
        Cache::new(memory, Some(&self.folder()))
    }

    /// Writes a source file that was last changed `age` ago.
    fn source(&self, name: &str, text: &str, age: Duration) -> io::Result<PathBuf> {
        let path = self.0.path().join(name);
        fs::write(&path, text)?;
        let file = File::options().write(true).open(&path)?;
        file.set_modified(SystemTime::now() - age)?;
        Ok(path)
    }

    fn entries(&self) -> io::Result<Vec<PathBuf>> {
        let paths = fs::read_dir(self.folder())?.map(|entry| entry.map(|entry| entry.path()));
        let paths: Vec<PathBuf> = paths.collect::<Result<_, _>>()?;
        let is_entry = |path: &PathBuf| path.extension().is_some_and(|end| end == "huvol");
        Ok(paths.into_iter().filter(is_entry).collect())
    }
}

const HOUR: Duration = Duration::from_secs(3600);

fn counts(memory: u64, disk: u64, built: u64) -> CacheCounts {
    CacheCounts {
        memory,
        disk,
        built,
    }
}

#[test]
fn a_second_run_reads_the_folder_instead_of_building() -> Outcome {
    let fixture = Fixture::new()?;
    let source = fixture.source("a", "content", HOUR)?;
    for (built, expected) in [(1.0, counts(1, 0, 1)), (2.0, counts(1, 1, 0))] {
        let cache = fixture.cache(1000);
        let first = cache.get(&[&source], "s", || volume(built))?;
        let second = cache.get(&[&source], "s", || volume(9.0))?;
        assert_eq!(first.data(), [1.0; 8]);
        assert!(Arc::ptr_eq(&first, &second));
        assert_eq!(cache.counts(), expected);
    }
    Ok(())
}

#[test]
fn content_and_settings_decide_and_the_name_does_not() -> Outcome {
    let fixture = Fixture::new()?;
    let get = |path: &Path, settings, built| {
        let volume = fixture.cache(0).get(&[path], settings, || volume(built))?;
        Ok::<_, VolumeError>(volume.data().first().copied())
    };
    let a = fixture.source("a", "content", HOUR)?;
    assert_eq!(get(&a, "s", 1.0)?, Some(1.0));
    let copy = fixture.source("b", "content", HOUR)?;
    assert_eq!(get(&copy, "s", 2.0)?, Some(1.0));
    assert_eq!(get(&a, "t", 3.0)?, Some(3.0));
    // Another content of the same length, seen by its time stamp alone.
    fixture.source("a", "CONTENT", HOUR * 2)?;
    assert_eq!(get(&a, "s", 4.0)?, Some(4.0));
    // The old content again.
    fixture.source("a", "content", HOUR * 3)?;
    assert_eq!(get(&a, "s", 5.0)?, Some(1.0));
    Ok(())
}

#[test]
fn a_header_is_cached_together_with_its_voxels() -> Outcome {
    let fixture = Fixture::new()?;
    let header = fixture.source("scan.hdr", "header", HOUR)?;
    fixture.source("scan.img", "voxels", HOUR)?;
    fixture.cache(0).get(&[&header], "s", || volume(1.0))?;
    fixture.source("scan.img", "others", HOUR * 2)?;
    let again = fixture.cache(0).get(&[&header], "s", || volume(2.0))?;
    assert_eq!(again.data(), [2.0; 8]);
    // The reader takes either name for the pair, and no third file.
    let voxels = fixture.0.path().join("scan.img");
    fixture.source("scan.img.gz", "unread", HOUR)?;
    let same = fixture.cache(0).get(&[&voxels], "s", || volume(3.0))?;
    assert_eq!(same.data(), [2.0; 8]);
    Ok(())
}

#[test]
fn the_index_spares_reading_a_file_that_did_not_change() -> Outcome {
    let fixture = Fixture::new()?;
    let source = fixture.source("a", "content", HOUR)?;
    let modified = fs::metadata(&source)?.modified()?;
    fixture.cache(0).get(&[&source], "s", || volume(1.0))?;
    // Same size and time: only a reader of the bytes could tell, and nobody reads them.
    fs::write(&source, "CONTENT")?;
    File::options()
        .write(true)
        .open(&source)?
        .set_modified(modified)?;
    let cache = fixture.cache(0);
    cache.get(&[&source], "s", || volume(2.0))?;
    assert_eq!(cache.counts(), counts(0, 1, 0));
    Ok(())
}

#[test]
fn a_file_changed_a_moment_ago_is_hashed_again() -> Outcome {
    let fixture = Fixture::new()?;
    let source = fixture.source("a", "content", Duration::ZERO)?;
    let modified = fs::metadata(&source)?.modified()?;
    fixture.cache(0).get(&[&source], "s", || volume(1.0))?;
    fs::write(&source, "CONTENT")?;
    File::options()
        .write(true)
        .open(&source)?
        .set_modified(modified)?;
    let again = fixture.cache(0).get(&[&source], "s", || volume(2.0))?;
    assert_eq!(again.data(), [2.0; 8]);
    Ok(())
}

#[test]
fn a_volume_of_a_file_changed_a_moment_ago_is_not_stored() -> Outcome {
    let fixture = Fixture::new()?;
    // Changed again within the same tick, it would be another volume under the hash of the old content.
    for (age, entries) in [(Duration::ZERO, 0), (HOUR, 1)] {
        let source = fixture.source("a", "content", age)?;
        fixture.cache(0).get(&[&source], "s", || volume(1.0))?;
        assert_eq!(fixture.entries()?.len(), entries, "{age:?}");
    }
    Ok(())
}

#[test]
fn a_damaged_index_is_ignored_and_used_further() -> Outcome {
    let fixture = Fixture::new()?;
    let source = fixture.source("a", "content", HOUR)?;
    fixture.cache(0).get(&[&source], "s", || volume(1.0))?;
    let index = fixture.folder().join("sources.jsonl");
    fs::write(&index, b"\xff\xfe{\"path\": \"cut off he")?;
    for _ in 0..2 {
        let cache = fixture.cache(0);
        cache.get(&[&source], "s", || volume(2.0))?;
        assert_eq!(cache.counts(), counts(0, 1, 0));
    }
    let lines = fs::read(&index)?;
    let records = lines
        .split(|&byte| byte == b'\n')
        .filter(|line| line.ends_with(b"}"));
    assert_eq!(
        records.count(),
        1,
        "written once by the first run, found by the second"
    );
    Ok(())
}

#[test]
fn a_damaged_entry_is_built_again_and_replaced() -> Outcome {
    let fixture = Fixture::new()?;
    let source = fixture.source("a", "content", HOUR)?;
    let mut value = 1.0;
    fixture.cache(0).get(&[&source], "s", || volume(value))?;
    let [entry] = &fixture.entries()?[..] else {
        return Err("one entry was expected".into());
    };
    let good = fs::read(entry)?;
    let mut flipped = good.clone();
    flipped[good.len() / 2] ^= 1;
    for bad in [
        &flipped,
        &good[..good.len() - 5],
        b"",
        b"something else altogether",
    ] {
        fs::write(entry, bad)?;
        value += 1.0;
        let rebuilt = fixture.cache(0).get(&[&source], "s", || volume(value))?;
        assert_eq!(rebuilt.data(), [value; 8]);
        let reread = fixture.cache(0).get(&[&source], "s", || volume(-1.0))?;
        assert_eq!(reread.data(), [value; 8]);
    }
    Ok(())
}

#[test]
fn an_entry_under_the_name_of_another_is_not_believed() -> Outcome {
    let fixture = Fixture::new()?;
    let a = fixture.source("a", "content", HOUR)?;
    fixture.cache(0).get(&[&a], "s", || volume(1.0))?;
    let first = fixture.entries()?;
    fixture.cache(0).get(&[&a], "t", || volume(2.0))?;
    for entry in fixture
        .entries()?
        .iter()
        .filter(|entry| !first.contains(entry))
    {
        fs::copy(&first[0], entry)?;
    }
    let again = fixture.cache(0).get(&[&a], "t", || volume(3.0))?;
    assert_eq!(again.data(), [3.0; 8]);
    Ok(())
}

#[test]
fn a_volume_beyond_memory_outlives_its_source() -> Outcome {
    let fixture = Fixture::new()?;
    let source = fixture.source("a", "content", HOUR)?;
    let cache = fixture.cache(0);
    cache.get(&[&source], "s", || volume(1.0))?;
    // Changed, then out of reach: this run goes on with what it began with.
    fs::write(&source, "other content")?;
    let again = cache.get(&[&source], "s", || volume(2.0))?;
    assert_eq!(again.data(), [1.0; 8]);
    drop(again);
    fs::remove_file(&source)?;
    let again = cache.get(&[&source], "s", || volume(3.0))?;
    assert_eq!(again.data(), [1.0; 8]);
    assert_eq!(cache.counts(), counts(0, 2, 1));
    Ok(())
}

#[test]
fn files_dated_before_1970_are_kept_too() -> Outcome {
    let fixture = Fixture::new()?;
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?;
    for (name, years) in [("nineties", 100), ("windows", 369)] {
        let age = now + 24 * HOUR * 365 * years;
        let source = fixture.source(name, name, age)?;
        fixture.cache(0).get(&[&source], "s", || volume(1.0))?;
        let cache = fixture.cache(0);
        cache.get(&[&source], "s", || volume(2.0))?;
        assert_eq!(cache.counts(), counts(0, 1, 0), "{name}");
    }
    Ok(())
}

#[test]
fn files_dated_in_the_future_are_kept_too() -> Outcome {
    let fixture = Fixture::new()?;
    let source = fixture.source("a", "content", HOUR)?;
    let file = File::options().write(true).open(&source)?;
    file.set_modified(SystemTime::now() + 24 * HOUR)?;
    fixture.cache(0).get(&[&source], "s", || volume(1.0))?;
    let cache = fixture.cache(0);
    cache.get(&[&source], "s", || volume(2.0))?;
    assert_eq!(cache.counts(), counts(0, 1, 0));
    // Changed since.
    fixture.source("a", "CONTENT", HOUR)?;
    let again = fixture.cache(0).get(&[&source], "s", || volume(3.0))?;
    assert_eq!(again.data(), [3.0; 8]);
    Ok(())
}

#[test]
fn what_a_killed_process_left_is_removed_after_a_day() -> Outcome {
    let fixture = Fixture::new()?;
    fixture.cache(0);
    for (name, age, stays) in [
        (".hounsfield-1-0.tmp", 23 * HOUR, true),
        (".hounsfield-1-1.tmp", 25 * HOUR, false),
        ("somebody's.tmp", 25 * HOUR, true),
    ] {
        let path = fixture.source(&format!("made/here/{name}"), "half a volume", age)?;
        fixture.cache(0);
        assert_eq!(path.exists(), stays, "{name}");
    }
    Ok(())
}

#[test]
fn memory_holds_what_fits_the_budget_and_the_rest_is_built_again() -> Outcome {
    let cache = Cache::new(70, None);
    let names = ["a", "b", "c"].map(Path::new);
    for round in 0..3 {
        for name in names {
            cache.get(&[name], "s", || volume(1.0))?;
        }
        assert_eq!(cache.counts(), counts(2 * round, 0, 3 + round));
        assert_eq!(cache.memory_used(), 64);
    }
    // A volume that someone still holds is shared, budget or not.
    let held = cache.get(&[names[2]], "s", || volume(1.0))?;
    let again = cache.get(&[names[2]], "s", || volume(1.0))?;
    assert!(Arc::ptr_eq(&held, &again));
    Ok(())
}

#[test]
fn threads_that_ask_together_build_once() {
    let cache = Cache::new(1000, None);
    let barrier = Barrier::new(4);
    let built = AtomicU64::new(0);
    let ask = || {
        barrier.wait();
        cache.get(&[Path::new("a")], "s", || {
            built.fetch_add(1, Ordering::SeqCst);
            std::thread::sleep(Duration::from_millis(30));
            volume(1.0)
        })
    };
    std::thread::scope(|scope| {
        for asker in [0; 4].map(|_| scope.spawn(ask)) {
            assert!(matches!(asker.join(), Ok(Ok(_))));
        }
    });
    assert_eq!(built.into_inner(), 1);
}

#[test]
fn a_failed_build_is_not_cached() -> Outcome {
    let fixture = Fixture::new()?;
    let source = fixture.source("a", "content", HOUR)?;
    let cache = fixture.cache(1000);
    let error = cache.get(&[&source], "s", || Err("no"));
    assert_eq!(error.err(), Some("no"));
    cache.get(&[&source], "s", || volume(1.0))?;
    assert_eq!(cache.counts(), counts(0, 0, 1));
    Ok(())
}

#[test]
fn without_a_usable_folder_it_goes_on_in_memory() -> Outcome {
    let fixture = Fixture::new()?;
    let source = fixture.source("a", "content", HOUR)?;
    // A file where the folder should be.
    let cache = Cache::new(1000, Some(&source));
    assert_eq!(cache.get(&[&source], "s", || volume(1.0))?.data(), [1.0; 8]);
    // A folder that goes away while the program runs.
    let cache = fixture.cache(0);
    fs::remove_dir_all(fixture.folder())?;
    for settings in ["s", "t"] {
        assert_eq!(
            cache.get(&[&source], settings, || volume(2.0))?.data(),
            [2.0; 8]
        );
    }
    Ok(())
}

#[test]
fn a_source_that_changes_while_it_is_read_is_not_stored() -> Outcome {
    let fixture = Fixture::new()?;
    let source = fixture.source("a", "content", HOUR)?;
    let outcome = Cell::new(Ok(PathBuf::new()));
    fixture.cache(0).get(&[&source], "s", || {
        outcome.set(fixture.source("a", "longer content", HOUR));
        volume(1.0)
    })?;
    outcome.into_inner()?;
    assert!(fixture.entries()?.is_empty());
    Ok(())
}
