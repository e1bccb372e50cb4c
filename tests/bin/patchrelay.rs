//! The `patchrelay` program with a probe that can kill it.

use std::{process::ExitCode, sync::Arc};

fn main() -> ExitCode {
    patchrelay_bin::main_with(Arc::new(patchrelay_tests::CrashProbe::from_environment()))
}
