//! What this process has done, counted for whoever watches from outside.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use patchrelay_domain::{RunOutcome, RunType};
use patchrelay_ports::{Tally, WorkDone};

/// What was done since the start.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    runs: Mutex<BTreeMap<(RunType, &'static str), u64>>,
    reports: Mutex<BTreeMap<&'static str, u64>>,
    tokens: AtomicU64,
    conflicts: AtomicU64,
    store_retries: AtomicU64,
}

impl Counts {
    /// A run ended.
    pub(crate) fn run_ended(&self, run_type: RunType, outcome: &RunOutcome, tokens: u64) {
        add(&self.runs, (run_type, outcome.name()));
        self.tokens.fetch_add(tokens, Ordering::Relaxed);
    }

    /// A report is done with.
    pub(crate) fn report_ended(&self, ending: &'static str) {
        add(&self.reports, ending);
    }

    /// A change is computed anew.
    pub(crate) fn conflict(&self) {
        self.conflicts.fetch_add(1, Ordering::Relaxed);
    }

    /// Something is tried again that the store did not do.
    pub(crate) fn store_retried(&self) {
        self.store_retries.fetch_add(1, Ordering::Relaxed);
    }
}

impl Tally for Counts {
    fn work_done(&self) -> WorkDone {
        WorkDone {
            runs: of(&self.runs).map(|((run_type, outcome), n)| (run_type, outcome, n)).collect(),
            tokens: self.tokens.load(Ordering::Relaxed),
            reports: of(&self.reports).collect(),
            conflicts: self.conflicts.load(Ordering::Relaxed),
            store_retries: self.store_retries.load(Ordering::Relaxed),
        }
    }
}

fn add<K: Ord>(counts: &Mutex<BTreeMap<K, u64>>, key: K) {
    *counts.lock().unwrap_or_else(PoisonError::into_inner).entry(key).or_default() += 1;
}

fn of<K: Ord + Clone>(counts: &Mutex<BTreeMap<K, u64>>) -> impl Iterator<Item = (K, u64)> {
    counts.lock().unwrap_or_else(PoisonError::into_inner).clone().into_iter()
}
