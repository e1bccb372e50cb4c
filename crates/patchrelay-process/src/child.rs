//! A running child with pipes to talk over.

use std::{
    process::ExitStatus,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use nix::sys::signal::Signal;
use tokio::{
    process::{ChildStdin, ChildStdout},
    task::JoinHandle,
    time::timeout,
};

use crate::{
    ProcessError,
    group::Group,
    tail::{Tail, drain},
};

/// How long SIGKILL may take. It is instant but for a process inside a slow system call.
const KILL_DEADLINE: Duration = Duration::from_secs(10);

/// A running child that leads its process group. Dropping it kills the group with SIGKILL.
pub struct Child {
    program: String,
    child: tokio::process::Child,
    stderr: Arc<Mutex<Tail>>,
    drain: JoinHandle<()>,
}

impl Child {
    pub(crate) fn new(program: String, mut child: tokio::process::Child) -> Self {
        let stderr = Arc::new(Mutex::new(Tail::default()));
        let drain = drained(child.stderr.take(), Arc::clone(&stderr));
        Self { program, child, stderr, drain }
    }

    /// The pipe to its stdin, once. Dropping the pipe closes it.
    pub fn take_stdin(&mut self) -> Option<ChildStdin> {
        self.child.stdin.take()
    }

    /// The pipe from its stdout, once. The reader bounds what it takes.
    pub fn take_stdout(&mut self) -> Option<ChildStdout> {
        self.child.stdout.take()
    }

    /// The end of what it wrote to stderr so far, bounded.
    pub fn stderr_tail(&self) -> String {
        lock(&self.stderr).text()
    }

    /// Its process number; `None` when it has ended and that was noticed.
    pub fn id(&self) -> Option<u32> {
        self.child.id()
    }

    /// Waits until it ends, then kills what is left of its group. May be dropped and called again. No deadline of its
    /// own: the caller supervises it.
    ///
    /// # Errors
    ///
    /// [`ProcessError::Contact`] if the system does not let us wait.
    pub async fn wait(&mut self) -> Result<ExitStatus, ProcessError> {
        let group = self.group();
        let status = self.child.wait().await.map_err(|source| self.contact(source))?;
        if let Some(group) = group
            && group.signal(Signal::SIGKILL)
        {
            group.gone().await;
        }
        Ok(status)
    }

    /// Asks the group to end with SIGTERM and kills it when the leader has not ended after `grace`. Members that are
    /// left when the leader ends are killed at once. Returns when nobody of the group runs any more.
    ///
    /// # Errors
    ///
    /// [`ProcessError::Contact`] if the system does not let us wait, [`ProcessError::Deadline`] if even SIGKILL does not
    /// end it.
    pub async fn kill_group(&mut self, grace: Duration) -> Result<ExitStatus, ProcessError> {
        self.signal(Signal::SIGTERM);
        if let Ok(ended) = timeout(grace, self.wait()).await {
            return ended;
        }
        self.kill().await
    }

    /// SIGKILL to the group, and the wait for it.
    pub(crate) async fn kill(&mut self) -> Result<ExitStatus, ProcessError> {
        self.signal(Signal::SIGKILL);
        match timeout(KILL_DEADLINE, self.wait()).await {
            Ok(ended) => ended,
            Err(_) => Err(ProcessError::Deadline {
                program: self.program.clone(),
                after: KILL_DEADLINE,
                stderr: self.stderr_tail(),
            }),
        }
    }

    /// Waits until all of stderr was read, for at most this long: the pipe stays open if a process left the group.
    pub(crate) async fn stderr_settled(&mut self, linger: Duration) {
        // The task fails only by being aborted; then what it has read is what there is.
        drop(timeout(linger, &mut self.drain).await);
    }

    pub(crate) fn stderr_is_cut(&self) -> bool {
        lock(&self.stderr).is_cut()
    }

    fn signal(&self, signal: Signal) {
        // `group` is `None` once the leader is reaped; then the group was killed, and its number may be a stranger's.
        if let Some(group) = self.group() {
            group.signal(signal);
        }
    }

    fn group(&self) -> Option<Group> {
        self.child.id().and_then(Group::of)
    }

    fn contact(&self, source: std::io::Error) -> ProcessError {
        ProcessError::Contact { program: self.program.clone(), source }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // The leader is not reaped yet if it has a number; tokio reaps it in the background after this.
        self.signal(Signal::SIGKILL);
        self.drain.abort();
    }
}

/// Reads stderr for as long as the pipe is open, so that the child is never blocked by writing to it.
#[expect(
    clippy::disallowed_methods,
    reason = "the task is owned by the child's handle, which aborts it when dropped"
)]
fn drained(stderr: Option<tokio::process::ChildStderr>, tail: Arc<Mutex<Tail>>) -> JoinHandle<()> {
    tokio::spawn(async move {
        if let Some(stderr) = stderr {
            drain(stderr, |chunk| lock(&tail).push(chunk)).await;
        }
    })
}

/// A tail is whole after every push, so a panic elsewhere does not make it unusable.
fn lock(tail: &Mutex<Tail>) -> MutexGuard<'_, Tail> {
    tail.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
