//! Input that cannot work: one line that says what is wrong, where, and what to do.

mod data;
mod folders;
mod settings;
