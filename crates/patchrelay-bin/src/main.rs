//! The `patchrelay` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    patchrelay_bin::main()
}
