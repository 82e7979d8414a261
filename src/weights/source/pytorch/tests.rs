//! Hand-made checkpoints: what is read, and what hostile ones get.

mod legacy;
mod repetition;
mod wrappers;

use super::encode_pytorch;
use super::zip_write::ArchiveWriter;
use crate::weights::ParameterInfo;
use crate::weights::source::{ReadError, WeightsFile};

const HEAD: &[u8] = b"\x80\x02";
const ORDERED: &[u8] = b"ccollections\nOrderedDict\n)R";
const NO_HOOKS: &[u8] = b"\x89ccollections\nOrderedDict\n)R";

fn archive(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = ArchiveWriter::default();
    for (name, contents) in entries {
        writer.add(name, contents).unwrap();
    }
    writer.finish().unwrap()
}

/// A checkpoint with this pickle and a storage `0` of the numbers 0 to 5.
fn checkpoint(pickle: &[u8]) -> Vec<u8> {
    let numbers: Vec<u8> = (0..6).flat_map(|i| (i as f32).to_le_bytes()).collect();
    archive(&[("a/data.pkl", pickle), ("a/data/0", &numbers)])
}

fn text(text: &str) -> Vec<u8> {
    let mut out = vec![b'X'];
    out.extend((text.len() as u32).to_le_bytes());
    out.extend(text.as_bytes());
    out
}

fn sizes(sizes: &[i32]) -> Vec<u8> {
    let mut out = vec![b'('];
    for size in sizes {
        out.push(b'J');
        out.extend(size.to_le_bytes());
    }
    out.push(b't');
    out
}

/// A float32 view of a storage that claims to have `count` numbers.
fn tensor(key: &str, count: i32, offset: i32, shape: &[i32], strides: &[i32]) -> Vec<u8> {
    [
        b"ctorch._utils\n_rebuild_tensor_v2\n((".to_vec(),
        text("storage"),
        b"ctorch\nFloatStorage\n".to_vec(),
        text(key),
        text("cpu"),
        [&b"J"[..], &count.to_le_bytes()].concat(),
        [&b"tQJ"[..], &offset.to_le_bytes()].concat(),
        sizes(shape),
        sizes(strides),
        NO_HOOKS.to_vec(),
        b"tR".to_vec(),
    ]
    .concat()
}

/// A pickle of a dictionary.
fn dict(entries: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut out = [HEAD, ORDERED, b"("].concat();
    for (name, value) in entries {
        out.extend(text(name));
        out.extend(value);
    }
    out.extend(b"u.");
    out
}

fn read(file: &[u8]) -> Result<Vec<(String, Vec<f32>)>, ReadError> {
    let file = WeightsFile::open(file)?;
    Ok(file
        .tensors
        .iter()
        .map(|t| (t.name.clone(), t.values()))
        .collect())
}

fn refused(pickle: &[u8]) -> ReadError {
    WeightsFile::open(&checkpoint(pickle))
        .map(|_| ())
        .unwrap_err()
}

#[test]
fn views_of_one_storage_are_read() {
    let pickle = dict(&[
        ("b", tensor("0", 6, 1, &[2, 2], &[1, 2])),
        ("a", tensor("0", 6, 0, &[], &[])),
        // One number, expanded.
        ("c", tensor("0", 6, 5, &[4, 2], &[0, 0])),
    ]);
    let expected = [
        ("b".to_owned(), vec![1., 3., 2., 4.]),
        ("a".to_owned(), vec![0.]),
        ("c".to_owned(), vec![5.; 8]),
    ];
    assert_eq!(read(&checkpoint(&pickle)).unwrap(), expected);
}

#[test]
fn big_endian_files_are_read() {
    let numbers: Vec<u8> = (0..6).flat_map(|i| (i as f32).to_be_bytes()).collect();
    let pickle = dict(&[("a", tensor("0", 6, 4, &[2], &[1]))]);
    let entries: [(&str, &[u8]); 3] = [
        ("data.pkl", &pickle),
        ("byteorder", b"big"),
        ("data/0", &numbers),
    ];
    assert_eq!(read(&archive(&entries)).unwrap()[0].1, [4., 5.]);
}

#[test]
fn code_is_refused_by_name_wherever_it_stands() {
    let call = b"cposix\nsystem\n(X\x04\x00\x00\x00truetR.";
    let beside = [
        dict(&[("a", tensor("0", 6, 0, &[6], &[1]))])
            .strip_suffix(b".")
            .unwrap(),
        b"0",
        call,
    ]
    .concat();
    let never_called = [HEAD, b"cbuiltins\neval\n."].concat();
    let by_stack = [
        b"\x80\x04".to_vec(),
        text("os"),
        text("system"),
        b"\x93.".to_vec(),
    ]
    .concat();
    for (pickle, code) in [
        (&[HEAD, call].concat(), "posix.system"),
        (&beside, "posix.system"),
        (&never_called, "builtins.eval"),
        (&by_stack, "os.system"),
        (
            &[HEAD, b"cmonai.networks.nets\nUNETR\n)\x81."].concat(),
            "monai.networks.nets.UNETR",
        ),
    ] {
        let error = refused(pickle);
        assert!(matches!(error, ReadError::Foreign { .. }), "{error}");
        assert!(error.to_string().contains(code), "{error}");
    }
    // A name cannot write to the terminal.
    let error = refused(&[HEAD, b"c\x1b[2J\nx\n."].concat()).to_string();
    assert!(!error.contains('\x1b'), "{error}");
}

#[test]
fn impossible_tensors_are_refused() {
    for view in [
        tensor("0", 6, 0, &[7], &[1]),
        tensor("0", 6, 6, &[1], &[1]),
        tensor("0", 6, 0, &[-1], &[1]),
        tensor("0", 6, 0, &[2], &[-1]),
        tensor("0", 6, 0, &[2, 3], &[1]),
        tensor("0", i32::MAX, 0, &[i32::MAX], &[1]),
        tensor("1", 6, 0, &[6], &[1]),
        tensor("../0", 6, 0, &[6], &[1]),
    ] {
        let error = refused(&dict(&[("a", view)]));
        assert!(matches!(error, ReadError::Damaged(_)), "{error}");
    }
    // Terabytes from one number.
    let view = tensor("0", 6, 0, &[i32::MAX, i32::MAX], &[0, 0]);
    let error = refused(&dict(&[("a", view)]));
    assert!(matches!(error, ReadError::Excessive(_)), "{error}");
}

#[test]
fn many_names_for_one_storage_cannot_multiply_it() {
    let numbers = vec![0; 4 << 16];
    let names: Vec<String> = (0..64).map(|i| format!("{i}")).collect();
    let each = |name: &String| (name.clone(), tensor("0", 1 << 16, 0, &[1 << 16], &[1]));
    let views: Vec<(String, Vec<u8>)> = names.iter().map(each).collect();
    let views: Vec<(&str, Vec<u8>)> = views.iter().map(|(n, v)| (n.as_str(), v.clone())).collect();
    let file = archive(&[("a/data.pkl", &dict(&views)), ("a/data/0", &numbers)]);
    assert!(matches!(read(&file), Err(ReadError::Excessive(_))));
}

#[test]
fn pickles_made_to_exhaust_memory_or_the_stack_are_refused() {
    let flood = |byte: u8| [HEAD, &vec![byte; (1 << 20) + 1][..]].concat();
    for byte in *b"N]()}" {
        assert!(
            matches!(refused(&flood(byte)), ReadError::Excessive(_)),
            "{byte}"
        );
    }
    let copies = [HEAD, b"N", &[b'2'; (1 << 20) + 1]].concat();
    assert!(matches!(refused(&copies), ReadError::Excessive(_)));
    // Lists within each other, a hundred thousand deep.
    let depth = 100_000;
    let nested = [HEAD, &vec![b']'; depth], &vec![b'a'; depth - 1], b"."].concat();
    assert!(matches!(refused(&nested), ReadError::Empty(_)));
    // A length that is not there.
    assert!(matches!(
        refused(b"\x80\x02X\xff\xff\xff\xff"),
        ReadError::Damaged(_)
    ));
    assert!(matches!(
        refused(b"\x80\x04\x8e\xff\xff\xff\xff\xff\xff\xff\xff"),
        ReadError::Damaged(_)
    ));
}

#[test]
fn a_dictionary_within_itself_ends() {
    // d = {}; d["state_dict"] = d
    let pickle = [HEAD, b"}q\x00", &text("state_dict"), b"h\x00s."].concat();
    assert!(matches!(refused(&pickle), ReadError::Empty(_)));
}

#[test]
fn broken_pickles_are_refused() {
    for pickle in [
        &b""[..],
        b".",
        b"\x80\x02",
        b"\x80\x02N",
        b"\x80\x02\x85.",
        b"\x80\x02t.",
        b"\x80\x02N(\x85.",
        b"\x80\x02h\x05.",
        b"\x80\x02NNs.",
        b"\x80\x02}(Nu.",
        b"\x80\x02NNR.",
        b"\x80\x02NQ.",
        b"\x80\x02K\x01NI.",
        b"\x80\x02ctorch\nFloatStorage",
    ] {
        let error = refused(pickle);
        assert!(
            matches!(error, ReadError::Damaged(_)),
            "{pickle:?}: {error}"
        );
    }
    assert!(matches!(
        refused(b"\x80\x05N."),
        ReadError::Unsupported { .. }
    ));
}

#[test]
fn a_name_that_comes_twice_is_refused() {
    let view = || tensor("0", 6, 0, &[6], &[1]);
    let error = refused(&dict(&[("a", view()), ("a", view())]));
    assert!(matches!(error, ReadError::Damaged(_)), "{error}");
    let pickle = dict(&[("a", view())]);
    let file = archive(&[
        ("a/data.pkl", &pickle),
        ("a/data/0", &[0; 24]),
        ("a/data/0", &[0; 24]),
    ]);
    assert!(
        read(&file)
            .unwrap_err()
            .to_string()
            .contains("two zip entries")
    );
}

#[test]
fn archives_that_are_cut_or_changed_are_refused() {
    let whole = checkpoint(&dict(&[("a", tensor("0", 6, 0, &[6], &[1]))]));
    assert!(read(&whole).is_ok());
    for length in 0..whole.len() {
        assert!(read(&whole[..length]).is_err(), "cut to {length} bytes");
    }
    // Every single byte changed: read as it was or refused, never a panic; contents are under checksums.
    let expected = read(&whole).unwrap();
    for at in 0..whole.len() {
        let mut changed = whole.clone();
        changed[at] ^= 0xff;
        if let Ok(found) = read(&changed) {
            assert_eq!(found, expected, "byte {at}");
        }
    }
}

#[test]
fn compressed_entries_and_other_archives_are_refused() {
    let pickle = dict(&[("a", tensor("0", 6, 0, &[6], &[1]))]);
    let mut file = checkpoint(&pickle);
    let directory = file.windows(4).position(|w| w == b"PK\x01\x02").unwrap();
    file[directory + 10] = 8;
    let error = read(&file).unwrap_err();
    assert!(error.to_string().contains("compressed"), "{error}");
    let mut script = archive(&[
        ("m/code", b""),
        ("m/data.pkl", &pickle),
        ("m/constants.pkl", b""),
    ]);
    let directory = script.windows(4).position(|w| w == b"PK\x01\x02").unwrap();
    script[directory + 10] = 8;
    assert!(
        read(&script)
            .unwrap_err()
            .to_string()
            .contains("TorchScript")
    );
    assert!(matches!(
        read(&archive(&[("x.npy", b"")])),
        Err(ReadError::Unknown(_))
    ));
}

#[test]
fn the_directory_of_zip64_archives_is_read() {
    let whole = checkpoint(&dict(&[("a", tensor("0", 6, 0, &[6], &[1]))]));
    let end = whole.len() - 22;
    let directory = u32::from_le_bytes(whole[end + 16..end + 20].try_into().unwrap());
    let mut wide = whole[..end].to_vec();
    let record = wide.len() as u64;
    wide.extend(b"PK\x06\x06");
    wide.extend([0; 28]);
    wide.extend(2u64.to_le_bytes()); // entries
    wide.extend([0; 8]);
    wide.extend(u64::from(directory).to_le_bytes());
    wide.extend(b"PK\x06\x07\0\0\0\0");
    wide.extend(record.to_le_bytes());
    wide.extend(1u32.to_le_bytes());
    wide.extend(b"PK\x05\x06\0\0\0\0");
    wide.extend([0xff; 12]);
    wide.extend([0; 2]);
    assert_eq!(read(&wide).unwrap(), read(&whole).unwrap());
}

#[test]
fn what_is_written_is_read_back() {
    let info = |name: &str, shape: &[usize]| {
        let (name, shape) = (name.to_owned(), shape.to_vec());
        ParameterInfo { name, shape }
    };
    let parameters = [
        (info("z.weight", &[2, 3]), vec![1., 2., 3., 4., 5., 6.]),
        (info("a", &[]), vec![-0.5]),
        (info("none", &[0, 4]), vec![]),
    ];
    let bytes = encode_pytorch(&parameters).unwrap();
    let file = WeightsFile::open(&bytes).unwrap();
    for (tensor, (info, values)) in file.tensors.iter().zip(&parameters) {
        assert_eq!((&tensor.name, &tensor.shape), (&info.name, &info.shape));
        assert_eq!(&tensor.values(), values);
    }
    assert_eq!(file.tensors.len(), 3);
    assert!(
        encode_pytorch(&[(info("a", &[2]), vec![1.])]).is_none(),
        "shape"
    );
    assert!(
        encode_pytorch(&[parameters[1].clone(), parameters[1].clone()]).is_none(),
        "twice"
    );
}
