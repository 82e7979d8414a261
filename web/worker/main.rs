//! The page's worker: all reading, computing and training of the page, in one module worker that speaks in messages.

#[cfg(target_family = "wasm")]
mod autosave;
#[cfg(target_family = "wasm")]
mod cases;
#[cfg(target_family = "wasm")]
mod host;
#[cfg(target_family = "wasm")]
mod model;
#[cfg(target_family = "wasm")]
mod names;
#[cfg(target_family = "wasm")]
mod pool;
#[cfg(target_family = "wasm")]
mod protocol;
#[cfg(target_family = "wasm")]
mod replica;
#[cfg(target_family = "wasm")]
mod replicas;
#[cfg(target_family = "wasm")]
mod run_files;
#[cfg(target_family = "wasm")]
mod run_folder;
#[cfg(target_family = "wasm")]
mod segment;
#[cfg(target_family = "wasm")]
mod session;
#[cfg(target_family = "wasm")]
mod settings;
#[cfg(target_family = "wasm")]
mod storage;
#[cfg(target_family = "wasm")]
mod training;
#[cfg(target_family = "wasm")]
mod watch;

#[cfg(target_family = "wasm")]
fn main() {
    hounsfield::platform::run_constructors();
    session::listen();
}

/// It lives in a browser only.
#[cfg(not(target_family = "wasm"))]
fn main() {}
