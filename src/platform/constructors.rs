//! Constructors of the module's libraries, run once.

#[allow(unsafe_code)]
mod linker {
    unsafe extern "C" {
        /// Made by the linker: runs all constructors of the module.
        pub(super) fn __wasm_call_ctors();
    }
}

/// Runs the constructors of all libraries. For the first line of a page's program.
///
/// A module that never calls them itself is linked as a command, to be called once: each function that JavaScript
/// calls then runs all of them first. CubeCL registers thousands of operations that way, and a training step calls in
/// and out thousands of times: nine tenths of its time went there.
#[expect(unsafe_code, reason = "the linker's function has no safe form")]
pub fn run_constructors() {
    // SAFETY: it takes and returns nothing, and the constructors (of the `inventory` crate) may run again.
    unsafe { linker::__wasm_call_ctors() }
}
