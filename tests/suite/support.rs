//! Where the tests find the specification's vectors and the real volumes.

use std::path::{Path, PathBuf};

fn beside(rel: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared").join(rel)
}

fn existing(path: PathBuf) -> PathBuf {
    assert!(
        path.exists(),
        "{} is missing: the tests need the shared folder beside the checkout",
        path.display()
    );
    path
}

/// The reference numbers of the specification, section 16.
pub fn vectors() -> serde_json::Value {
    let path = existing(beside("spec/test_vectors.json"));
    let text = std::fs::read_to_string(&path).expect("test vectors are readable");
    serde_json::from_str(&text).expect("test vectors are JSON")
}

/// A file or folder under the shared data; `HOUNSFIELD_DATA` names another place.
pub fn data(rel: &str) -> PathBuf {
    let root = std::env::var_os("HOUNSFIELD_DATA").map_or_else(|| beside("data"), PathBuf::from);
    existing(root.join(rel))
}
