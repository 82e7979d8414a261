//! The checksum that a JSON text holds of itself. It is of the text as written and not of what a program makes of it, so
//! that a later program, whose settings have more fields, still finds it whole.

/// BLAKE3, in hexadecimal, of a JSON object without white space between its parts and with `checksum` taken out of its
/// field of that name.
pub(super) fn checksum_of(json: &[u8], checksum: &str) -> String {
    let compact = without_spaces(json);
    let field = format!("\"checksum\":\"{checksum}\"");
    let mut hasher = blake3::Hasher::new();
    match compact
        .windows(field.len())
        .rposition(|part| part == field.as_bytes())
    {
        Some(start) => {
            hasher.update(compact.get(..start).unwrap_or_default());
            hasher.update(b"\"checksum\":\"\"");
            hasher.update(compact.get(start + field.len()..).unwrap_or_default());
        }
        None => {
            hasher.update(&compact);
        }
    }
    hasher.finalize().to_hex().to_string()
}

/// A JSON text without the white space that lies outside its strings.
fn without_spaces(json: &[u8]) -> Vec<u8> {
    let (mut quoted, mut escaped) = (false, false);
    let kept = json.iter().copied().filter(|byte| {
        if quoted {
            (quoted, escaped) = match byte {
                b'"' if !escaped => (false, false),
                b'\\' => (true, !escaped),
                _ => (true, false),
            };
            return true;
        }
        quoted = *byte == b'"';
        !byte.is_ascii_whitespace()
    });
    kept.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layout_does_not_matter_and_every_other_byte_does() {
        let compact = br#"{"a":"x \" y","n":1.5,"checksum":"00"}"#;
        let pretty = b"{\n  \"a\": \"x \\\" y\",\n  \"n\": 1.5,\n  \"checksum\": \"00\"\n}\n";
        let expected = blake3::hash(br#"{"a":"x \" y","n":1.5,"checksum":""}"#);
        let expected = expected.to_hex().to_string();
        assert_eq!(checksum_of(compact, "00"), expected);
        assert_eq!(checksum_of(pretty, "00"), expected);
        for other in [
            r#"{"a":"x \"  y","n":1.5,"checksum":"00"}"#,
            r#"{"a":"x \" y","n":1.25,"checksum":"00"}"#,
            r#"{"a":"x \" y","n":1.5,"new":0,"checksum":"00"}"#,
        ] {
            assert_ne!(checksum_of(other.as_bytes(), "00"), expected, "{other}");
        }
    }
}
