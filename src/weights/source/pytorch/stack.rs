//! The stack of the pickle machine, with marks that ordinary operations cannot reach below.

use super::input::damaged;
use super::node::Id;
use crate::weights::source::ReadError;

#[derive(Default)]
pub(super) struct Stack {
    items: Vec<Id>,
    /// Heights of the stack at each open mark.
    marks: Vec<usize>,
}

impl Stack {
    /// How many objects or marks there are, whichever are more.
    pub(super) fn size(&self) -> usize {
        self.items.len().max(self.marks.len())
    }

    pub(super) fn push(&mut self, id: Id) {
        self.items.push(id);
    }

    pub(super) fn mark(&mut self) {
        self.marks.push(self.items.len());
    }

    /// The topmost object above the last mark.
    pub(super) fn top(&self) -> Result<Id, ReadError> {
        let floor = self.marks.last().copied().unwrap_or(0);
        let above = self.items.get(floor..).unwrap_or_default();
        let top = above.last().copied();
        top.ok_or_else(|| damaged("takes more objects than there are"))
    }

    pub(super) fn pop(&mut self) -> Result<Id, ReadError> {
        let top = self.top()?;
        self.items.pop();
        Ok(top)
    }

    /// Takes all objects above the last mark, and the mark.
    pub(super) fn pop_mark(&mut self) -> Result<Vec<Id>, ReadError> {
        let height = self.marks.pop();
        let height = height.ok_or_else(|| damaged("closes a mark that is not open"))?;
        Ok(self.items.split_off(height.min(self.items.len())))
    }

    /// Drops the topmost object, or the mark above it.
    pub(super) fn discard(&mut self) -> Result<(), ReadError> {
        if self.marks.last() == Some(&self.items.len()) {
            self.marks.pop();
            return Ok(());
        }
        self.pop().map(drop)
    }
}
