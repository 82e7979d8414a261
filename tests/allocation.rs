//! Reading an image takes at most four times the memory of its uncompressed bytes, whatever its header claims.
//!
//! An integration test of its own, because it counts every allocation of the process.

// GlobalAlloc is an unsafe trait; there is no other way to count.
#![allow(unsafe_code)]
// A test's verdict is a panic.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::fs;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use hounsfield::volume::{self, VolumeError};

/// What inflating and reading need for themselves: windows, tables, the block read from the disk.
const WORKING_MEMORY: usize = 256 << 10;

thread_local! {
    static LIVE: Cell<isize> = const { Cell::new(0) };
    static PEAK: Cell<isize> = const { Cell::new(0) };
}

fn count(bytes: isize) {
    let live = LIVE.get() + bytes;
    LIVE.set(live);
    PEAK.set(PEAK.get().max(live));
}

struct Counting;

// SAFETY: every call goes to the system's allocator unchanged; counting neither allocates nor unwinds.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(-(layout.size() as isize));
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size as isize - layout.size() as isize);
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Most bytes held at once while `work` ran.
fn peak<T>(work: impl FnOnce() -> T) -> (usize, T) {
    let before = LIVE.get();
    PEAK.set(before);
    let result = work();
    ((PEAK.get() - before) as usize, result)
}

/// Bytes of a file, inflated as far as they go.
fn uncompressed(path: &Path) -> usize {
    let bytes = fs::read(path).unwrap();
    if bytes.starts_with(&[0x1f, 0x8b]) {
        let (mut inflater, mut count) = (MultiGzDecoder::new(bytes.as_slice()), 0);
        let mut buffer = [0; 4096];
        while let Ok(read @ 1..) = inflater.read(&mut buffer) {
            count += read;
        }
        return count;
    }
    bytes.len()
}

fn robustness_files() -> Vec<PathBuf> {
    let mut files = Vec::new();
    let data = std::env::var_os("HOUNSFIELD_DATA").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data"),
        PathBuf::from,
    );
    let mut folders = vec![data.join("robustness")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path)
            } else {
                files.push(path)
            }
        }
    }
    files
}

#[test]
fn no_real_file_takes_more_than_four_times_its_bytes() {
    let mut read = 0;
    for path in robustness_files() {
        let (peak, result) = peak(|| volume::read(&path));
        // The half of a pair that holds no voxels: its other half is in the list too.
        if path.to_string_lossy().contains(".hdr") && result.is_ok() {
            continue;
        }
        let limit = 4 * uncompressed(&path) + WORKING_MEMORY;
        assert!(
            peak <= limit,
            "{}: {peak} bytes, over {limit}",
            path.display()
        );
        read += usize::from(result.is_ok());
    }
    assert!(read > 90, "{read} files were read");
}

/// A NIfTI-1 header of a float64 volume, 352 bytes.
fn header(shape: [i16; 3]) -> Vec<u8> {
    let mut bytes = vec![0; 352];
    bytes[..4].copy_from_slice(&348_i32.to_le_bytes());
    for (n, size) in [3, shape[0], shape[1], shape[2]].into_iter().enumerate() {
        bytes[40 + 2 * n..42 + 2 * n].copy_from_slice(&size.to_le_bytes());
    }
    bytes[70..72].copy_from_slice(&64_i16.to_le_bytes());
    bytes[344..348].copy_from_slice(b"n+1\0");
    bytes
}

/// The header and `zeros` bytes of voxels in gzip, a thousand times smaller.
fn zeros(shape: [i16; 3], zeros: u64) -> Vec<u8> {
    let mut file = GzEncoder::new(Vec::new(), Compression::best());
    file.write_all(&header(shape)).unwrap();
    io::copy(&mut io::repeat(0).take(zeros), &mut file).unwrap();
    file.finish().unwrap()
}

#[test]
fn no_claim_takes_memory_that_its_bytes_do_not_back() {
    const STORED: u64 = 4 << 20;
    let huge = [i16::MAX; 3];
    // Name, file, bytes in it that the header asks for.
    let cases: [(&str, Vec<u8>, u64); 5] = [
        ("plain, huge claim", header(huge), 352),
        ("gzip, huge claim", zeros(huge, STORED), STORED),
        (
            "gzip, claim within reach of its length",
            zeros([80, 80, 90], STORED),
            STORED,
        ),
        ("gzip, claim met", zeros([64, 64, 128], STORED), STORED),
        ("gzip bomb", zeros([8, 8, 8], 64 << 20), 8 * 512),
    ];
    for (name, file, stored) in cases {
        let (peak, result) = peak(|| volume::read_nifti(&file, name));
        let limit = 4 * stored as usize + WORKING_MEMORY;
        assert!(peak <= limit, "{name}: {peak} bytes, over {limit}");
        match result {
            Ok(_) => assert_eq!(name, "gzip, claim met"),
            Err(VolumeError::Truncated { .. }) => assert!(name.contains("claim"), "{name}"),
            Err(VolumeError::Excess { .. }) => assert_eq!(name, "gzip bomb"),
            Err(error) => panic!("{name}: {error}"),
        }
    }
}
