//! What made the images of a data set, by the words that it uses.

/// Whether a data set's word for what made its images means values in HU. PET/CT may mean either, and its PET is not.
pub fn is_ct(modality: &str) -> bool {
    let upper = modality.to_uppercase();
    let mut words = upper.split(|c: char| !c.is_alphanumeric());
    let named =
        |word: &str| word.starts_with("CT") || word == "CBCT" || word.ends_with("TOMOGRAPHY");
    !upper.contains("PET") && !upper.contains("POSITRON") && words.any(named)
}
