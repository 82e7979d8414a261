//! The dictionary of tensors within what `torch.save` was given.

use super::machine::Pickle;
use super::node::{Id, Node, Tensor};
use crate::weights::source::ReadError;
use std::collections::BTreeSet;

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
/// [`ReadError::Empty`] where there is none or more than one; [`ReadError::Damaged`] for a name that comes twice.
pub(super) fn find<'p, 'a>(pickle: &'p Pickle<'a>) -> Result<StateDict<'p, 'a>, ReadError> {
    let mut wrappers = Vec::new();
    let mut ignored = Vec::new();
    let mut dict =
        entries(pickle, pickle.root).ok_or_else(|| ReadError::Empty("no dictionary".to_owned()))?;
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
        dict = inner;
    }

    let mut tensors = Vec::new();
    let mut names = BTreeSet::new();
    for (name, id) in dict {
        if name.chars().any(char::is_control) || !names.insert(name) {
            let name = name.escape_debug();
            return Err(ReadError::damaged(format!(
                "two tensors named {name}, or no name"
            )));
        }
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

fn has_tensors(pickle: &Pickle<'_>, dict: &[(&str, Id)]) -> bool {
    let is_tensor = |(_, id): &(&str, Id)| matches!(pickle.nodes.get(*id), Node::Tensor(_));
    dict.iter().any(is_tensor)
}

type Entries<'a> = Vec<(&'a str, Id)>;

/// The dictionary to look into instead of this one: one with a known name, or the only one with tensors where
/// this one has none.
fn wrapped<'a>(
    pickle: &Pickle<'a>,
    dict: &Entries<'a>,
) -> Result<Option<(&'a str, Entries<'a>)>, ReadError> {
    for wrapper in WRAPPERS {
        let inner = dict
            .iter()
            .find(|(name, _)| *name == wrapper)
            .and_then(|(name, id)| Some((*name, entries(pickle, *id)?)));
        if let Some(found) = inner.filter(|(_, inner)| !inner.is_empty()) {
            return Ok(Some(found));
        }
    }
    if has_tensors(pickle, dict) {
        return Ok(None);
    }
    let mut candidates = dict
        .iter()
        .filter_map(|(name, id)| Some((*name, entries(pickle, *id)?)))
        .filter(|(_, inner)| has_tensors(pickle, inner));
    match (candidates.next(), candidates.next()) {
        (found, None) => Ok(found),
        (Some((first, _)), Some((second, _))) => Err(ReadError::Empty(format!(
            "several dictionaries of tensors, {first} and {second} among them"
        ))),
        _ => Ok(None),
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
