//! The command-line program; see [`hounsfield::cli`].

use hounsfield::platform::keep_freed_memory;
use std::env;
use std::process::ExitCode;

fn main() -> ExitCode {
    keep_freed_memory();
    quiet_mesa();
    hounsfield::cli::main()
}

/// Without a session, as on servers, Mesa's device-select layer prints an error for every Vulkan instance. It only
/// sorts adapters, so it is switched off there.
#[expect(
    unsafe_code,
    reason = "the environment is changed before any thread exists"
)]
fn quiet_mesa() {
    const SWITCH: &str = "NODEVICE_SELECT";
    if env::var_os("XDG_RUNTIME_DIR").is_none() && env::var_os(SWITCH).is_none() {
        // SAFETY: the first thing the program does, on its only thread.
        unsafe { env::set_var(SWITCH, "1") };
    }
}
