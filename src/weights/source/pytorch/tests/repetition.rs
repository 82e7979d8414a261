//! Short files that have long things done again and again.

use super::*;

#[test]
fn short_calls_cannot_copy_long_lists_again_and_again() {
    let pairs = 1 << 19;
    let pickle = [
        HEAD,
        b"NN\x86q\x000](",
        &b"h\x00".repeat(pairs),
        b"e\x85q\x01ccollections\nOrderedDict\nq\x02",
        &b"h\x02h\x01R0".repeat(9),
        b".",
    ]
    .concat();
    assert!(matches!(refused(&pickle), ReadError::Excessive(_)));
    // Of a tensor that nothing else looks at.
    let axes = [1; 17];
    let tensors = dict(&[("a", tensor("0", 6, 0, &[6], &[1]))]);
    let unused = tensor("0", 6, 0, &axes, &axes);
    let error = refused(&[HEAD, &unused, b"0", &tensors].concat());
    assert!(error.to_string().contains("too many axes"), "{error}");
}

#[test]
fn many_names_for_one_dictionary_take_no_longer_than_one() {
    let many = 1 << 17;
    let names = (0..many).flat_map(|n| [text(&n.to_string()), b"h\x00".to_vec()].concat());
    let pickle = [
        HEAD,
        b"}",
        &text("k"),
        b"q\x010(",
        &b"h\x01h\x01".repeat(many),
        b"uq\x000}(",
        &names.collect::<Vec<u8>>(),
        b"u.",
    ]
    .concat();
    let begun = std::time::Instant::now();
    assert!(matches!(refused(&pickle), ReadError::Empty(_)));
    assert!(begun.elapsed().as_secs() < 10, "{:?}", begun.elapsed());
}

#[test]
fn one_long_name_cannot_be_told_again_and_again() {
    let inner = dict(&[("a", tensor("0", 6, 0, &[6], &[1]))]);
    let inner = || inner.strip_suffix(b".").unwrap().to_vec();
    let none = || b"N".to_vec();
    let error = refused(&dict(&[
        ("model", inner()),
        ("epoch", none()),
        ("epoch", none()),
    ]));
    assert!(
        error.to_string().contains("two entries named epoch"),
        "{error}"
    );
}

#[test]
fn entries_that_share_bytes_are_refused() {
    let pickle = dict(&[("a", tensor("0", 6, 0, &[6], &[1]))]);
    let whole = checkpoint(&pickle);
    assert!(read(&whole).is_ok());
    // The pickle's entry is said to be longer, without a checksum: the storage's entry follows it at once.
    for (more, refused) in [(0u32, false), (1, true), (20, true)] {
        let mut file = whole.clone();
        let entry = file.windows(4).position(|word| word == b"PK\x01\x02");
        let entry = &mut file[entry.unwrap()..];
        entry[16..20].fill(0);
        let size = (pickle.len() as u32 + more).to_le_bytes();
        entry[20..24].copy_from_slice(&size);
        entry[24..28].copy_from_slice(&size);
        match (read(&file), refused) {
            (Err(error), true) => assert!(error.to_string().contains("overlap"), "{error}"),
            (found, _) => assert_eq!(found.is_err(), refused, "{more} bytes more: {found:?}"),
        }
    }
}
