//! What the integration tests in `it/` need besides the product: a probe that kills the program on purpose.

use std::{
    process,
    sync::atomic::{AtomicU32, Ordering},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use patchrelay::ports::{Probe, Side, Step};

/// The variable that says where to die: `step:before` or `step:after`, and `:n` for the n-th time.
pub const CRASH_AT: &str = "PATCHRELAY_CRASH_AT";

/// Kills this process with SIGKILL at one place, as `kill -9` from outside would.
#[derive(Debug)]
pub struct CrashProbe {
    at: Option<(Step, Side)>,
    left: AtomicU32,
}

impl CrashProbe {
    /// Reads [`CRASH_AT`].
    ///
    /// # Panics
    ///
    /// When it names no place: a crash test that does not crash proves nothing.
    #[expect(clippy::disallowed_methods, reason = "only the test binary has this probe")]
    pub fn from_environment() -> Self {
        let Ok(text) = std::env::var(CRASH_AT) else {
            return Self { at: None, left: AtomicU32::new(0) };
        };
        let (place, times) =
            parse(&text).unwrap_or_else(|| panic!("{CRASH_AT}: `{text}` names no place"));
        Self { at: Some(place), left: AtomicU32::new(times) }
    }
}

fn parse(text: &str) -> Option<((Step, Side), u32)> {
    let mut parts = text.split(':');
    let name = parts.next()?;
    let step = Step::ALL.into_iter().find(|step| step.as_str() == name)?;
    let side = match parts.next()? {
        "before" => Side::Before,
        "after" => Side::After,
        _ => return None,
    };
    let times = parts.next().map_or(Some(1), |times| times.parse().ok())?;
    Some(((step, side), times))
}

impl Probe for CrashProbe {
    fn reached(&self, step: Step, side: Side) {
        if self.at == Some((step, side)) && self.left.fetch_sub(1, Ordering::SeqCst) == 1 {
            let me = i32::try_from(process::id()).expect("process numbers are small");
            kill(Pid::from_raw(me), Signal::SIGKILL).expect("a process may kill itself");
            // The signal is delivered before this thread goes on; this keeps the others from doing more, if it is not.
            process::abort();
        }
    }
}
