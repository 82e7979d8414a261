//! Classes that are the left and the right of the same structure.

/// Words for the left side, each with the one for the right.
const SIDES: [(&str, &str); 3] = [("left", "right"), ("lt", "rt"), ("l", "r")];

/// The first two classes whose names differ in their side alone, such as `left kidney` and `right kidney`, `Kidney_L`
/// and `Kidney_R`, or `LeftKidney` and `RightKidney`.
pub fn two_sides(classes: &[String]) -> Option<(&str, &str)> {
    let named: Vec<(&str, Vec<String>)> = classes
        .iter()
        .map(|name| (name.as_str(), words(name)))
        .collect();
    named.iter().find_map(|(name, words)| {
        let other: Vec<&str> = words.iter().map(|word| other_side(word)).collect();
        let differs = words.iter().zip(&other).any(|(word, other)| word != other);
        let found = named.iter().find(|(_, words)| differs && *words == other);
        found.map(|(other, _)| (*name, *other))
    })
}

/// The word for the other side, or the word itself.
fn other_side(word: &str) -> &str {
    let swapped = SIDES.iter().find_map(|(left, right)| match word {
        word if word == *left => Some(*right),
        word if word == *right => Some(*left),
        _ => None,
    });
    swapped.unwrap_or(word)
}

/// The words of a name in small letters; a capital after a small letter begins a new one.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut small = false;
    for c in name.chars() {
        if !c.is_alphanumeric() || (small && c.is_uppercase()) {
            words.push(String::new());
        }
        if let (true, Some(word)) = (c.is_alphanumeric(), words.last_mut()) {
            word.extend(c.to_lowercase());
        }
        small = c.is_lowercase();
    }
    words.retain(|word| !word.is_empty());
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(names: &[&str]) -> Option<(String, String)> {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let pair = two_sides(&names);
        pair.map(|(one, other)| (one.to_owned(), other.to_owned()))
    }

    #[test]
    fn left_and_right_of_a_structure_are_found_however_they_are_written() {
        for (one, other) in [
            ("right parotid", "left parotid"),
            ("Kidney_L", "Kidney_R"),
            ("lung-lt", "lung-rt"),
            ("LeftFemur", "RightFemur"),
            ("femur (L)", "Femur R"),
        ] {
            let pair = found(&["background", one, "liver", other]);
            assert_eq!(pair, Some((one.to_owned(), other.to_owned())));
        }
    }

    #[test]
    fn other_classes_are_no_sides() {
        for names in [
            &["background", "anterior", "posterior"][..],
            &["left kidney", "right adrenal gland", "liver"],
            &["vertebra L1", "vertebra R2", "brightness", "left"],
            &[],
        ] {
            assert_eq!(found(names), None, "{names:?}");
        }
    }
}
