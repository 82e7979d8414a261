//! The objects of a pickle, in one list: they refer to each other by number, so that nothing recurses.

use super::globals::Global;
use crate::weights::source::tensor::{MAX_AXES, Placement};
use crate::weights::source::{ElementType, ReadError};

/// Most objects of a pickle. A checkpoint with its optimiser has some ten thousand.
pub(super) const MAX_OBJECTS: usize = 1 << 20;
/// Most entries of the dictionaries and shapes that calls copy. A call of a few bytes may copy a list of any length.
const MAX_COPIED: usize = 4 * MAX_OBJECTS;

/// Number of an object.
pub(super) type Id = usize;

#[derive(Debug)]
pub(super) enum Node<'a> {
    None,
    Int(i64),
    Text(&'a str),
    Tuple(Vec<Id>),
    List(Vec<Id>),
    Dict(Vec<(Id, Id)>),
    Global(Global),
    Storage(Storage<'a>),
    Tensor(Box<Tensor<'a>>),
    /// Anything whose value nobody asks for.
    Opaque,
}

/// Numbers outside the pickle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Storage<'a> {
    /// Its name among the storages.
    pub(super) key: &'a str,
    /// Type of its numbers. `None`: counted in bytes.
    pub(super) element: Option<ElementType>,
    /// How many numbers it claims to have.
    pub(super) count: usize,
}

/// A view of a storage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Tensor<'a> {
    pub(super) storage: Storage<'a>,
    pub(super) element: ElementType,
    pub(super) placement: Placement,
}

/// All objects of a pickle.
#[derive(Debug, Default)]
pub(super) struct Nodes<'a> {
    all: Vec<Node<'a>>,
    /// Entries that calls copied so far.
    copied: usize,
}

fn wrong(what: &str) -> ReadError {
    ReadError::Damaged(format!("its pickle has {what}"))
}

impl<'a> Nodes<'a> {
    /// Adds an object.
    ///
    /// # Errors
    /// [`ReadError::Excessive`] beyond [`MAX_OBJECTS`].
    pub(super) fn add(&mut self, node: Node<'a>) -> Result<Id, ReadError> {
        if self.all.len() >= MAX_OBJECTS {
            return Err(ReadError::Excessive(format!(
                "more than {MAX_OBJECTS} objects"
            )));
        }
        self.all.push(node);
        Ok(self.all.len() - 1)
    }

    pub(super) fn get(&self, id: Id) -> &Node<'a> {
        self.all.get(id).unwrap_or(&Node::None)
    }

    pub(super) fn get_mut(&mut self, id: Id) -> Option<&mut Node<'a>> {
        self.all.get_mut(id)
    }

    /// Every storage that is named.
    pub(super) fn storages(&self) -> impl Iterator<Item = Storage<'a>> {
        self.all.iter().filter_map(|node| match node {
            Node::Storage(storage) => Some(*storage),
            _ => None,
        })
    }

    /// The items of a tuple.
    pub(super) fn tuple(&self, id: Id) -> Result<&[Id], ReadError> {
        match self.get(id) {
            Node::Tuple(items) => Ok(items),
            _ => Err(wrong("another object where a tuple is needed")),
        }
    }

    pub(super) fn text(&self, id: Id) -> Option<&'a str> {
        match self.get(id) {
            Node::Text(text) => Some(text),
            _ => None,
        }
    }

    /// A size, offset or stride.
    pub(super) fn size(&self, id: Id) -> Result<usize, ReadError> {
        match self.get(id) {
            Node::Int(n) => usize::try_from(*n).map_err(|_| wrong("a negative size")),
            _ => Err(wrong("another object where a size is needed")),
        }
    }

    fn sizes(&self, id: Id) -> Result<Vec<usize>, ReadError> {
        match self.tuple(id)? {
            sizes if sizes.len() <= MAX_AXES => sizes.iter().map(|id| self.size(*id)).collect(),
            _ => Err(wrong("a tensor with too many axes")),
        }
    }

    /// The storage a persistent id names: `("storage", class, key, location, count)`.
    pub(super) fn storage(&self, id: Id) -> Result<Storage<'a>, ReadError> {
        let items = self.tuple(id)?;
        let [tag, class, key, _, count, rest @ ..] = items else {
            return Err(wrong("a storage that is not described"));
        };
        let (Some("storage"), Node::Global(Global::Storage(element)), Some(key)) =
            (self.text(*tag), self.get(*class), self.text(*key))
        else {
            return Err(wrong("a storage that is not described"));
        };
        // Only the next, for a list of any length may follow.
        if (rest.first()).is_some_and(|id| !matches!(self.get(*id), Node::None)) {
            return Err(ReadError::Unsupported {
                what: "the PyTorch file has storages within storages, as before version 0.4".into(),
                remedy: "load it and save it anew with a PyTorch of today",
            });
        }
        Ok(Storage {
            key,
            element: *element,
            count: self.size(*count)?,
        })
    }

    /// The object that a call makes.
    ///
    /// # Errors
    /// [`ReadError::Excessive`] where it and the ones before copy more than [`MAX_COPIED`].
    pub(super) fn call(&mut self, function: Id, arguments: Id) -> Result<Node<'a>, ReadError> {
        let made = self.made(function, arguments)?;
        let entries = match &made {
            Node::Dict(pairs) => pairs.len(),
            Node::Tensor(tensor) => tensor.placement.shape.len() + tensor.placement.strides.len(),
            _ => 0,
        };
        self.check_copying(entries)?;
        self.copied += entries;
        Ok(made)
    }

    fn check_copying(&self, entries: usize) -> Result<(), ReadError> {
        match self.copied.saturating_add(entries) {
            ..=MAX_COPIED => Ok(()),
            _ => Err(ReadError::Excessive(format!(
                "calls that copy more than {MAX_COPIED} entries"
            ))),
        }
    }

    fn made(&self, function: Id, arguments: Id) -> Result<Node<'a>, ReadError> {
        let Node::Global(global) = self.get(function) else {
            return Err(wrong("a call of something that is no function"));
        };
        let arguments = self.tuple(arguments)?;
        match (global, arguments) {
            (Global::OrderedDict, []) => Ok(Node::Dict(Vec::new())),
            (Global::OrderedDict, [pairs]) => self.pairs(*pairs),
            (Global::Parameter, [tensor, ..]) => match self.get(*tensor) {
                Node::Tensor(tensor) => Ok(Node::Tensor(tensor.clone())),
                _ => Err(wrong("a parameter that is no tensor")),
            },
            (Global::Tensor, [storage, offset, shape, strides, ..]) => {
                self.tensor([*storage, *offset, *shape, *strides], None)
            }
            (Global::TypedTensor, [storage, offset, shape, strides, _, _, dtype, ..]) => {
                let Node::Global(Global::Dtype(element)) = self.get(*dtype) else {
                    return Err(wrong("a tensor without a type"));
                };
                self.tensor([*storage, *offset, *shape, *strides], Some(*element))
            }
            (Global::Inert, _) => Ok(Node::Opaque),
            _ => Err(wrong("a call with wrong arguments")),
        }
    }

    fn tensor(
        &self,
        [storage, offset, shape, strides]: [Id; 4],
        element: Option<ElementType>,
    ) -> Result<Node<'a>, ReadError> {
        let Node::Storage(storage) = self.get(storage) else {
            return Err(wrong("a tensor without a storage"));
        };
        let element = element
            .or(storage.element)
            .ok_or_else(|| wrong("a tensor without a type"))?;
        Ok(Node::Tensor(Box::new(Tensor {
            storage: *storage,
            element,
            placement: Placement {
                shape: self.sizes(shape)?,
                strides: self.sizes(strides)?,
                offset: self.size(offset)?,
            },
        })))
    }

    /// An `OrderedDict` from a list of pairs, as Python 2 wrote it.
    fn pairs(&self, list: Id) -> Result<Node<'a>, ReadError> {
        let (Node::List(pairs) | Node::Tuple(pairs)) = self.get(list) else {
            return Err(wrong("a call with wrong arguments"));
        };
        let pair = |id: &Id| match self.get(*id) {
            Node::List(items) | Node::Tuple(items) => match items[..] {
                [key, value] => Ok((key, value)),
                _ => Err(wrong("a pair of another length")),
            },
            _ => Err(wrong("a pair that is none")),
        };
        self.check_copying(pairs.len())?;
        pairs
            .iter()
            .map(pair)
            .collect::<Result<_, _>>()
            .map(Node::Dict)
    }
}
