//! The pickle machine: the operations of protocols 2 to 4 that data needs, and none that could run anything.
//!
//! A function of a pickle is a [`Global`](super::globals::Global) from a short list, and calling it only
//! describes a tensor or an empty dictionary. Operations: CPython's `pickletools`.

use super::globals::lookup;
use super::input::{Input, damaged, little_endian};
use super::node::{Id, MAX_OBJECTS, Node, Nodes};
use super::stack::Stack;
use crate::weights::source::ReadError;
use std::collections::HashMap;

/// A pickle that was read.
#[derive(Debug)]
pub(super) struct Pickle<'a> {
    /// Its objects.
    pub(super) nodes: Nodes<'a>,
    /// The object it is about.
    pub(super) root: Id,
    /// How many bytes it has.
    pub(super) length: usize,
}

struct Machine<'a> {
    input: Input<'a>,
    nodes: Nodes<'a>,
    stack: Stack,
    memo: HashMap<usize, Id>,
}

impl<'a> Pickle<'a> {
    /// Reads the pickle these bytes begin with.
    ///
    /// # Errors
    /// [`ReadError`] for a pickle that is cut short, contradicts itself, asks for code or is too large.
    pub(super) fn read(bytes: &'a [u8]) -> Result<Self, ReadError> {
        let mut machine = Machine {
            input: Input::new(bytes),
            nodes: Nodes::default(),
            stack: Stack::default(),
            memo: HashMap::new(),
        };
        while let Some(()) = machine.step()? {
            if machine.stack.size().max(machine.memo.len()) > MAX_OBJECTS {
                return Err(ReadError::Excessive(format!(
                    "more than {MAX_OBJECTS} objects at once"
                )));
            }
        }
        Ok(Pickle {
            root: machine.stack.pop()?,
            nodes: machine.nodes,
            length: machine.input.consumed(),
        })
    }
}

impl<'a> Machine<'a> {
    /// Does one operation; `None` after the last.
    fn step(&mut self) -> Result<Option<()>, ReadError> {
        let [operation] = self.input.take()?;
        match operation {
            b'.' => return Ok(None),
            0x80 => self.protocol()?,
            0x95 => drop(self.input.take::<8>()?),
            b'(' => self.stack.mark(),
            b'0' => self.stack.discard()?,
            b'1' => drop(self.stack.pop_mark()?),
            b'2' => self.stack.push(self.stack.top()?),
            b'N' => self.push(Node::None)?,
            b'J' => self.integer::<4>(true)?,
            b'K' => self.integer::<1>(false)?,
            b'M' => self.integer::<2>(false)?,
            0x8a => self.long::<1>()?,
            0x8b => self.long::<4>()?,
            0x88 | 0x89 => self.push(Node::Int(i64::from(operation == 0x88)))?,
            b'G' => self.opaque_bytes(8)?,
            b'X' => self.text::<4>()?,
            0x8c => self.text::<1>()?,
            0x8d => self.text::<8>()?,
            b'T' => self.text::<4>()?,
            b'U' => self.text::<1>()?,
            b'B' => self.bytes_object::<4>()?,
            b'C' => self.bytes_object::<1>()?,
            0x8e => self.bytes_object::<8>()?,
            b'}' => self.push(Node::Dict(Vec::new()))?,
            b']' => self.push(Node::List(Vec::new()))?,
            b')' => self.push(Node::Tuple(Vec::new()))?,
            0x8f => self.push(Node::Opaque)?,
            0x90 => drop(self.stack.pop_mark()?),
            0x91 => {
                self.stack.pop_mark()?;
                self.push(Node::Opaque)?;
            }
            b't' => {
                let items = self.stack.pop_mark()?;
                self.push(Node::Tuple(items))?;
            }
            0x85..=0x87 => self.tuple(usize::from(operation - 0x84))?,
            b'l' => {
                let items = self.stack.pop_mark()?;
                self.push(Node::List(items))?;
            }
            b'd' => {
                let pairs = pairs(&self.stack.pop_mark()?)?;
                self.push(Node::Dict(pairs))?;
            }
            b's' => {
                let (value, key) = (self.stack.pop()?, self.stack.pop()?);
                self.set_items(&[key, value])?;
            }
            b'u' => {
                let items = self.stack.pop_mark()?;
                self.set_items(&items)?;
            }
            b'a' => {
                let item = self.stack.pop()?;
                self.append(&[item])?;
            }
            b'e' => {
                let items = self.stack.pop_mark()?;
                self.append(&items)?;
            }
            b'c' => {
                let (module, name) = (self.input.line()?, self.input.line()?);
                self.push(Node::Global(lookup(module, name)?))?;
            }
            0x93 => {
                let (name, module) = (self.stack.pop()?, self.stack.pop()?);
                let (Some(module), Some(name)) = (self.nodes.text(module), self.nodes.text(name))
                else {
                    return Err(damaged("has a name that is no text"));
                };
                self.push(Node::Global(lookup(module, name)?))?;
            }
            b'Q' => {
                let id = self.stack.pop()?;
                let storage = self.nodes.storage(id)?;
                self.push(Node::Storage(storage))?;
            }
            b'R' | 0x81 => self.call()?,
            0x92 => {
                self.stack.pop()?; // arguments by name
                self.call()?;
            }
            b'b' => self.build()?,
            b'q' => self.memoise::<1>()?,
            b'r' => self.memoise::<4>()?,
            0x94 => {
                let top = self.stack.top()?;
                self.memo.insert(self.memo.len(), top);
            }
            b'h' => self.recall::<1>()?,
            b'j' => self.recall::<4>()?,
            other => {
                return Err(damaged(&format!(
                    "has the operation {other:#04x}, which PyTorch does not use"
                )));
            }
        }
        Ok(Some(()))
    }

    fn protocol(&mut self) -> Result<(), ReadError> {
        match self.input.take()? {
            [2..=4] => Ok(()),
            [other] => Err(ReadError::Unsupported {
                what: format!("the PyTorch file's pickle has protocol {other}, not 2 to 4"),
                remedy: "save it anew with torch.save and its default protocol",
            }),
        }
    }

    fn push(&mut self, node: Node<'a>) -> Result<(), ReadError> {
        let id = self.nodes.add(node)?;
        self.stack.push(id);
        Ok(())
    }

    fn integer<const N: usize>(&mut self, signed: bool) -> Result<(), ReadError> {
        let bytes: [u8; N] = self.input.take()?;
        self.push(Node::Int(little_endian(&bytes, signed)))
    }

    fn long<const N: usize>(&mut self) -> Result<(), ReadError> {
        let length = self.input.number::<N>()?;
        let bytes = self.input.slice(length)?;
        match bytes.len() {
            0..=8 => self.push(Node::Int(little_endian(bytes, true))),
            _ => self.push(Node::Opaque),
        }
    }

    fn text<const N: usize>(&mut self) -> Result<(), ReadError> {
        let length = self.input.number::<N>()?;
        let bytes = self.input.slice(length)?;
        // Python 2 keeps bytes in texts.
        self.push(str::from_utf8(bytes).map_or(Node::Opaque, Node::Text))
    }

    fn bytes_object<const N: usize>(&mut self) -> Result<(), ReadError> {
        let length = self.input.number::<N>()?;
        self.opaque_bytes(length)
    }

    fn opaque_bytes(&mut self, length: usize) -> Result<(), ReadError> {
        self.input.slice(length)?;
        self.push(Node::Opaque)
    }

    fn tuple(&mut self, count: usize) -> Result<(), ReadError> {
        let mut items = (0..count)
            .map(|_| self.stack.pop())
            .collect::<Result<Vec<_>, _>>()?;
        items.reverse();
        self.push(Node::Tuple(items))
    }

    fn set_items(&mut self, items: &[Id]) -> Result<(), ReadError> {
        let pairs = pairs(items)?;
        let top = self.stack.top()?;
        match self.nodes.get_mut(top) {
            Some(Node::Dict(dict)) => dict.extend(pairs),
            Some(Node::Opaque) => {}
            _ => return Err(damaged("fills something that is no dictionary")),
        }
        Ok(())
    }

    fn append(&mut self, items: &[Id]) -> Result<(), ReadError> {
        let top = self.stack.top()?;
        match self.nodes.get_mut(top) {
            Some(Node::List(list)) => list.extend(items),
            Some(Node::Opaque) => {}
            _ => return Err(damaged("appends to something that is no list")),
        }
        Ok(())
    }

    fn call(&mut self) -> Result<(), ReadError> {
        let (arguments, function) = (self.stack.pop()?, self.stack.pop()?);
        let made = self.nodes.call(function, arguments)?;
        self.push(made)
    }

    /// Gives an object its attributes. A state dictionary's are versions of modules, which nobody asks for.
    fn build(&mut self) -> Result<(), ReadError> {
        self.stack.pop()?;
        let top = self.stack.top()?;
        match self.nodes.get(top) {
            Node::Dict(_) | Node::Opaque => Ok(()),
            _ => Err(damaged("gives attributes to something that has none")),
        }
    }

    fn memoise<const N: usize>(&mut self) -> Result<(), ReadError> {
        let key = self.input.number::<N>()?;
        let top = self.stack.top()?;
        self.memo.insert(key, top);
        Ok(())
    }

    fn recall<const N: usize>(&mut self) -> Result<(), ReadError> {
        let key = self.input.number::<N>()?;
        let id = self.memo.get(&key).copied();
        self.stack
            .push(id.ok_or_else(|| damaged("recalls an object it never had"))?);
        Ok(())
    }
}

fn pairs(items: &[Id]) -> Result<Vec<(Id, Id)>, ReadError> {
    let (pairs, rest) = items.as_chunks::<2>();
    if !rest.is_empty() {
        return Err(damaged("has a key without a value"));
    }
    Ok(pairs.iter().map(|[key, value]| (*key, *value)).collect())
}
