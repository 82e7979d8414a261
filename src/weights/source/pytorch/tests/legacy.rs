//! Files as PyTorch wrote them before 1.6.

use super::super::legacy::MAGIC;
use super::*;

/// A file with the numbers 4 and 5 in a storage of six, whose count is stored as these bytes.
fn legacy(little_endian: bool, count: [u8; 8]) -> Vec<u8> {
    let flag: &[u8] = if little_endian { b"\x88" } else { b"\x89" };
    let system = [HEAD, b"}", &text("little_endian"), flag, b"s."].concat();
    let saved = dict(&[("a", tensor("0", 6, 4, &[2], &[1]))]);
    let keys = [HEAD, b"]", &text("0"), b"a."].concat();
    let numbers: Vec<u8> = (0..6).flat_map(|i| (i as f32).to_le_bytes()).collect();
    let version: &[u8] = b"\x80\x02M\xe9\x03.";
    [MAGIC, version, &system, &saved, &keys, &count, &numbers].concat()
}

#[test]
fn storages_are_little_endian_whatever_machine_wrote_them() {
    for (little_endian, count) in [
        (true, 6u64.to_le_bytes()),
        (false, 6u64.to_le_bytes()),
        // Of old versions.
        (false, 6u64.to_be_bytes()),
    ] {
        let found = read(&legacy(little_endian, count)).unwrap();
        assert_eq!(found, [("a".to_owned(), vec![4., 5.])]);
    }
}

#[test]
fn a_count_beyond_the_file_is_refused_in_either_byte_order() {
    for count in [7u64.to_le_bytes(), 7u64.to_be_bytes(), [0xff; 8]] {
        let error = read(&legacy(false, count)).unwrap_err();
        assert!(error.to_string().contains("within storage 0"), "{error}");
    }
}
