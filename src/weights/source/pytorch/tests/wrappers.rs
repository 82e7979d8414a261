//! What lies around the weights, and what it is called.

use super::*;

/// A dictionary of one tensor.
fn weights() -> Vec<u8> {
    let view = tensor("0", 6, 0, &[6], &[1]);
    [ORDERED, &text("a"), &view, b"s"].concat()
}

/// A dictionary of one text, as settings are.
fn settings() -> Vec<u8> {
    [&b"}"[..], &text("name"), &text("unetr"), b"s"].concat()
}

/// A dictionary that holds that of a tensor under a name.
fn holding(name: &str) -> Vec<u8> {
    [ORDERED, &text(name), &weights(), b"s"].concat()
}

#[test]
fn several_dictionaries_of_tensors_are_ambiguous_and_none_is_empty() {
    let two = refused(&dict(&[("student", weights()), ("teacher", weights())]));
    assert!(two.to_string().contains("student and teacher"), "{two}");
    let epoch = || b"K\x01".to_vec();
    let one = checkpoint(&dict(&[("epoch", epoch()), ("mine", weights())]));
    let file = WeightsFile::open(&one).unwrap();
    assert_eq!(file.wrapper.as_deref(), Some("mine"));
    assert_eq!(file.ignored, ["epoch"]);
    let none = refused(&dict(&[("epoch", epoch())]));
    assert!(none.to_string().contains("it holds epoch"), "{none}");
}

#[test]
fn settings_under_a_known_name_do_not_hide_the_weights() {
    let within = [
        &b"}("[..],
        &text("name"),
        &text("unetr"),
        &text("net"),
        &weights(),
        b"u",
    ]
    .concat();
    for (entries, wrapper, ignored) in [
        (
            vec![("model", settings()), ("net", weights())],
            "net",
            vec!["model"],
        ),
        (
            vec![("network", settings()), ("model", within)],
            "model.net",
            vec!["network", "name"],
        ),
        // Weights below a name that is not known, beside other tensors.
        (
            vec![("model", holding("encoder")), ("params", weights())],
            "model.encoder",
            vec!["params"],
        ),
        (
            vec![("model", settings()), ("student", weights())],
            "student",
            vec!["model"],
        ),
        // The surest name of those with tensors.
        (
            vec![("params", weights()), ("model", weights())],
            "model",
            vec!["params"],
        ),
    ] {
        let file = checkpoint(&dict(&entries));
        let file = WeightsFile::open(&file).unwrap();
        assert_eq!(file.wrapper.as_deref(), Some(wrapper));
        assert_eq!(file.ignored, ignored);
        assert_eq!(file.tensors.len(), 1);
    }
    let none = refused(&dict(&[("model", settings()), ("epoch", b"N".to_vec())]));
    assert!(matches!(none, ReadError::Empty(_)), "{none}");
}

#[test]
fn names_that_could_write_to_the_terminal_are_refused() {
    let none = || b"N".to_vec();
    let control = "\x1b[2J";
    for entries in [
        vec![("state_dict", weights()), (control, none())],
        vec![("epoch", none()), (control, weights())],
        vec![("one", weights()), (control, weights())],
        vec![(control, none()), (control, none())],
    ] {
        assert_shown(&refused(&dict(&entries)));
    }
    let pickle = dict(&[("a", tensor("0", 6, 0, &[6], &[1]))]);
    let file = archive(&[("a/data.pkl", &pickle), (control, b"")]);
    assert_shown(&read(&file).unwrap_err());
}

#[track_caller]
fn assert_shown(error: &ReadError) {
    let text = error.to_string();
    assert!(text.contains("control characters"), "{text}");
    assert!(!text.contains('\x1b'), "{text}");
}
