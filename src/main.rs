//! The command-line program; see [`hounsfield::cli`].

use std::process::ExitCode;

fn main() -> ExitCode {
    hounsfield::cli::main()
}
