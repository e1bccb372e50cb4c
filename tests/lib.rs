//! What the integration tests in `it/` need besides the product: a probe that kills or freezes the program on purpose.

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

/// The variable that says where to stop with SIGSTOP, written in the same way. Whoever wakes the program with SIGCONT
/// lets it go on from there.
pub const FREEZE_AT: &str = "PATCHRELAY_FREEZE_AT";

/// Kills this process with SIGKILL at one place, as `kill -9` from outside would, and stops it with SIGSTOP at another.
#[derive(Debug)]
pub struct CrashProbe {
    crash: Option<Strike>,
    freeze: Option<Strike>,
}

/// A place, and how often it has to be come to until it counts.
#[derive(Debug)]
struct Strike {
    at: (Step, Side),
    left: AtomicU32,
}

impl CrashProbe {
    /// Reads [`CRASH_AT`] and [`FREEZE_AT`].
    ///
    /// # Panics
    ///
    /// When one names no place: a crash test that does not crash proves nothing.
    pub fn from_environment() -> Self {
        Self { crash: Strike::named_in(CRASH_AT), freeze: Strike::named_in(FREEZE_AT) }
    }
}

impl Strike {
    #[expect(clippy::disallowed_methods, reason = "only the test binary has this probe")]
    fn named_in(variable: &str) -> Option<Self> {
        let text = std::env::var(variable).ok()?;
        let (at, times) =
            parse(&text).unwrap_or_else(|| panic!("{variable}: `{text}` names no place"));
        Some(Self { at, left: AtomicU32::new(times) })
    }

    fn is_now(&self, step: Step, side: Side) -> bool {
        self.at == (step, side) && self.left.fetch_sub(1, Ordering::SeqCst) == 1
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
        let raise = |signal| {
            let me = i32::try_from(process::id()).expect("process numbers are small");
            kill(Pid::from_raw(me), signal).expect("a process may do that to itself");
        };
        if self.freeze.as_ref().is_some_and(|freeze| freeze.is_now(step, side)) {
            raise(Signal::SIGSTOP);
        }
        if self.crash.as_ref().is_some_and(|crash| crash.is_now(step, side)) {
            raise(Signal::SIGKILL);
            // The signal is delivered before this thread goes on; this keeps the others from doing more, if it is not.
            process::abort();
        }
    }
}
