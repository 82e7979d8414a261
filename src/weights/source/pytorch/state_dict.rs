//! The dictionary of tensors within what `torch.save` was given.

use super::machine::Pickle;
use super::node::{Id, Node, Tensor};
use crate::weights::source::ReadError;
use std::collections::{BTreeMap, BTreeSet};

/// Names under which programs put the weights beside other things, the surest first.
const WRAPPERS: [&str; 8] = [
    "state_dict",
    "model_state_dict",
    "network_weights",
    "model",
    "network",
    "net",
    "weights",
    "params",
];
/// How many wrappers may lie within each other.
const MAX_WRAPPERS: usize = 4;
/// Most tensors of a state dictionary.
const MAX_TENSORS: usize = 1 << 16;

/// The tensors of a checkpoint.
#[derive(Debug)]
pub(super) struct StateDict<'p, 'a> {
    /// Names of the wrappers around it, outermost first.
    pub(super) wrappers: Vec<&'a str>,
    /// Tensors in the order of the file.
    pub(super) tensors: Vec<(&'a str, &'p Tensor<'a>)>,
    /// What lies beside it or in it and is no tensor.
    pub(super) ignored: Vec<&'a str>,
}

/// Finds the state dictionary of a pickle.
///
/// # Errors
/// [`ReadError::Empty`] where there is none or more than one; [`ReadError::Damaged`] for a name that comes twice or could
/// write to the terminal.
pub(super) fn find<'p, 'a>(pickle: &'p Pickle<'a>) -> Result<StateDict<'p, 'a>, ReadError> {
    let mut wrappers = Vec::new();
    let mut ignored = Vec::new();
    let root =
        entries(pickle, pickle.root).ok_or_else(|| ReadError::Empty("no dictionary".to_owned()))?;
    let mut dict = checked(root)?;
    while let Some((name, inner)) = wrapped(pickle, &dict)? {
        if wrappers.len() == MAX_WRAPPERS {
            let nested = format!("more than {MAX_WRAPPERS} dictionaries within each other");
            return Err(ReadError::Empty(nested));
        }
        ignored.extend(
            dict.iter()
                .map(|(other, _)| *other)
                .filter(|other| *other != name),
        );
        wrappers.push(name);
        dict = checked(inner)?;
    }

    let mut tensors = Vec::new();
    for (name, id) in dict {
        match pickle.nodes.get(id) {
            Node::Tensor(tensor) if tensors.len() < MAX_TENSORS => tensors.push((name, &**tensor)),
            Node::Tensor(_) => {
                return Err(ReadError::Excessive(format!(
                    "more than {MAX_TENSORS} tensors"
                )));
            }
            _ => ignored.push(name),
        }
    }
    if tensors.is_empty() {
        return Err(ReadError::Empty(listed(&ignored)));
    }
    Ok(StateDict {
        wrappers,
        tensors,
        ignored,
    })
}

/// The entries of a dictionary whose keys are texts.
fn entries<'a>(pickle: &Pickle<'a>, id: Id) -> Option<Vec<(&'a str, Id)>> {
    let Node::Dict(entries) = pickle.nodes.get(id) else {
        return None;
    };
    let text = |(key, value): &(Id, Id)| pickle.nodes.text(*key).map(|key| (key, *value));
    Some(entries.iter().filter_map(text).collect())
}

/// The entries, with names that can be printed, and each with another, as in every dictionary of Python: a short file
/// could name one long name often.
fn checked(dict: Entries<'_>) -> Result<Entries<'_>, ReadError> {
    let mut names = BTreeSet::new();
    for (name, _) in &dict {
        if name.chars().any(char::is_control) {
            let name = name.escape_debug();
            return Err(ReadError::damaged(format!(
                "a name with control characters, {name}"
            )));
        }
        if !names.insert(*name) {
            return Err(ReadError::damaged(format!(
                "two entries named {} in a dictionary",
                name.escape_debug()
            )));
        }
    }
    Ok(dict)
}

fn has_tensors(pickle: &Pickle<'_>, dict: &[(&str, Id)]) -> bool {
    let is_tensor = |(_, id): &(&str, Id)| matches!(pickle.nodes.get(*id), Node::Tensor(_));
    dict.iter().any(is_tensor)
}

/// Whether a dictionary has tensors, or one within it has.
fn leads_to_tensors(pickle: &Pickle<'_>, id: Id) -> bool {
    // Dictionaries may lie within themselves: each is looked through once.
    let mut seen = BTreeSet::from([id]);
    let mut level = vec![id];
    for _ in 0..MAX_WRAPPERS {
        let mut next = Vec::new();
        for dict in level.iter().filter_map(|id| entries(pickle, *id)) {
            if has_tensors(pickle, &dict) {
                return true;
            }
            next.extend(dict.iter().map(|(_, id)| *id).filter(|id| seen.insert(*id)));
        }
        level = next;
    }
    false
}

type Entries<'a> = Vec<(&'a str, Id)>;

/// The dictionary to look into instead of this one: one with a known name that leads to tensors, which the settings of a
/// `model` do not; or the only one with tensors where this one has none.
fn wrapped<'a>(
    pickle: &Pickle<'a>,
    dict: &Entries<'a>,
) -> Result<Option<(&'a str, Entries<'a>)>, ReadError> {
    let mut known = WRAPPERS
        .iter()
        .filter_map(|wrapper| dict.iter().find(|(name, _)| name == wrapper))
        .copied();
    let sure = known.find(|(_, id)| leads_to_tensors(pickle, *id));
    if let Some((name, inner)) = sure.and_then(|(name, id)| Some((name, entries(pickle, id)?))) {
        return Ok(Some((name, inner)));
    }
    if has_tensors(pickle, dict) {
        return Ok(None);
    }
    // Many names may share a dictionary: each is looked through once.
    let mut known = BTreeMap::new();
    let of_tensors = |id: Id| entries(pickle, id).is_some_and(|inner| has_tensors(pickle, &inner));
    let mut candidates = dict
        .iter()
        .filter(|(_, id)| *known.entry(*id).or_insert_with(|| of_tensors(*id)));
    match (candidates.next(), candidates.next()) {
        (Some((first, _)), Some((second, _))) => Err(ReadError::Empty(format!(
            "several dictionaries of tensors, {} and {} among them",
            first.escape_debug(),
            second.escape_debug()
        ))),
        (found, _) => Ok(found.and_then(|(name, id)| Some((*name, entries(pickle, *id)?)))),
    }
}

/// The first names of a list, for a message.
fn listed(names: &[&str]) -> String {
    let mut shown: Vec<String> = names
        .iter()
        .take(5)
        .map(|n| n.escape_debug().to_string())
        .collect();
    if names.len() > shown.len() {
        shown.push("others".to_owned());
    }
    match shown.is_empty() {
        true => "nothing".to_owned(),
        false => shown.join(", "),
    }
}
