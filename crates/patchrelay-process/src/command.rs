//! What to start and how; and the whole life of a child that only has to answer once.

use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    io,
    path::PathBuf,
    pin::pin,
    process::{ExitStatus, Stdio},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    process::{ChildStdin, ChildStdout},
    select,
    time::{Instant, sleep_until, timeout},
};

use crate::{Child, Marker, ProcessError, reap::MARKER_VARIABLE, tail::CHUNK_BYTES};

/// How much a child may write to stdout unless the caller says otherwise, in bytes. More than any list we ask for.
const DEFAULT_MAX_STDOUT: usize = 8 * 1024 * 1024;
/// How long we read on after the leader has ended and its group was killed, for a process that left the group and
/// keeps the pipe open. What the leader wrote is read at once.
const LINGER: Duration = Duration::from_secs(1);

/// An order to start a program. The environment starts empty.
///
/// Not `Debug`: its stdin may be a secret.
#[derive(Clone)]
pub struct Command {
    program: OsString,
    args: Vec<OsString>,
    dir: PathBuf,
    env: BTreeMap<OsString, OsString>,
    stdin: Vec<u8>,
    max_stdout: usize,
}

/// What a child answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    /// How it ended.
    pub status: ExitStatus,
    /// All of its stdout.
    pub stdout: Vec<u8>,
    /// The end of its stderr, bounded.
    pub stderr: String,
    /// Whether stderr had more before that.
    pub stderr_is_cut: bool,
}

impl Command {
    /// The program, found in the `PATH` given with [`Command::env`] if it is a bare name, in this directory.
    pub fn new(program: impl AsRef<OsStr>, dir: impl Into<PathBuf>) -> Self {
        Self {
            program: program.as_ref().to_owned(),
            args: Vec::new(),
            dir: dir.into(),
            env: BTreeMap::new(),
            stdin: Vec::new(),
            max_stdout: DEFAULT_MAX_STDOUT,
        }
    }

    /// One more argument.
    #[must_use]
    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.args.push(arg.as_ref().to_owned());
        self
    }

    /// More arguments.
    #[must_use]
    pub fn args<A: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.args.extend(args.into_iter().map(|arg| arg.as_ref().to_owned()));
        self
    }

    /// One more variable of its environment; a later value replaces an earlier one.
    #[must_use]
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.env.insert(name.as_ref().to_owned(), value.as_ref().to_owned());
        self
    }

    /// More variables of its environment, such as the allow-listed ones that the caller was started with.
    #[must_use]
    pub fn envs<N: AsRef<OsStr>, V: AsRef<OsStr>>(
        mut self,
        variables: impl IntoIterator<Item = (N, V)>,
    ) -> Self {
        for (name, value) in variables {
            self.env.insert(name.as_ref().to_owned(), value.as_ref().to_owned());
        }
        self
    }

    /// Marks it and all its descendants, so that [`reap`](crate::reap) finds them.
    #[must_use]
    pub fn marker(self, marker: &Marker) -> Self {
        self.env(MARKER_VARIABLE, marker.as_str())
    }

    /// What [`Command::run`] writes to its stdin, which is then closed. Without it, stdin is at its end from the start.
    #[must_use]
    pub fn stdin(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.stdin = bytes.into();
        self
    }

    /// How much [`Command::run`] takes from its stdout, in bytes, before it kills it.
    #[must_use]
    pub fn max_stdout(mut self, bytes: usize) -> Self {
        self.max_stdout = bytes;
        self
    }

    /// Runs it to its end. When it has ended, what is left of its group is killed. Dropping the future kills the group.
    ///
    /// # Errors
    ///
    /// When it cannot be started; when it takes longer than `deadline` or writes too much, in which cases the group was
    /// killed and is gone. Its exit status is not judged.
    pub async fn run(self, deadline: Duration) -> Result<Output, ProcessError> {
        let over = Instant::now() + deadline;
        let program = self.program_name();
        let stdin = if self.stdin.is_empty() { Stdio::null() } else { Stdio::piped() };
        let mut child = self.start(stdin)?;
        let (input, output) = (child.take_stdin(), child.take_stdout());
        let mut stdout = Vec::new();
        let ended = {
            let mut talk = pin!(talk(input, self.stdin, output, &mut stdout, self.max_stdout));
            supervise(&mut child, talk.as_mut(), over).await
        };
        let status = match ended {
            Ended::ByItself(status) => status,
            Ended::Late => {
                child.kill().await?;
                child.stderr_settled(LINGER).await;
                return Err(ProcessError::Deadline {
                    program,
                    after: deadline,
                    stderr: child.stderr_tail(),
                });
            }
            Ended::TooMuchOutput => {
                child.kill().await?;
                return Err(ProcessError::TooMuchOutput { program, limit: self.max_stdout });
            }
            Ended::ContactLost(source) => {
                child.kill().await?;
                return Err(ProcessError::Contact { program, source });
            }
            Ended::Unknown(error) => return Err(error),
        };
        child.stderr_settled(LINGER).await;
        Ok(Output {
            status,
            stdout,
            stderr: child.stderr_tail(),
            stderr_is_cut: child.stderr_is_cut(),
        })
    }

    /// Starts it with pipes for stdin and stdout, to be talked to. [`Command::stdin`] and [`Command::max_stdout`] do not
    /// apply. Its stderr is read in the background and its end is kept. Needs a tokio runtime.
    ///
    /// # Errors
    ///
    /// When it cannot be started.
    pub fn spawn(self) -> Result<Child, ProcessError> {
        self.start(Stdio::piped())
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "this is the wrapper that everybody else has to use"
    )]
    fn start(&self, stdin: Stdio) -> Result<Child, ProcessError> {
        let spawned = tokio::process::Command::new(&self.program)
            .args(&self.args)
            .current_dir(&self.dir)
            .env_clear()
            .envs(&self.env)
            .process_group(0)
            .stdin(stdin)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        let program = self.program_name();
        match spawned {
            Ok(child) => Ok(Child::new(program, child)),
            Err(source) => Err(ProcessError::Spawn { program, source }),
        }
    }

    /// For errors: the arguments may be long and hold what the caller does not want to see in a log.
    fn program_name(&self) -> String {
        self.program.to_string_lossy().into_owned()
    }
}

/// How the talk with a child that only has to answer once is over.
enum Ended {
    ByItself(ExitStatus),
    Late,
    TooMuchOutput,
    ContactLost(io::Error),
    Unknown(ProcessError),
}

/// Why we stopped reading.
enum Talk {
    Over,
    TooMuch,
    Failed(io::Error),
}

async fn supervise(
    child: &mut Child,
    mut talk: std::pin::Pin<&mut impl Future<Output = Talk>>,
    over: Instant,
) -> Ended {
    let mut is_talking = true;
    let status = loop {
        select! {
            status = child.wait() => match status {
                Ok(status) => break status,
                Err(error) => return Ended::Unknown(error),
            },
            said = talk.as_mut(), if is_talking => match said {
                Talk::Over => is_talking = false,
                Talk::TooMuch => return Ended::TooMuchOutput,
                Talk::Failed(error) => return Ended::ContactLost(error),
            },
            () = sleep_until(over) => return Ended::Late,
        }
    };
    if is_talking {
        match timeout(LINGER, talk).await {
            Ok(Talk::TooMuch) => return Ended::TooMuchOutput,
            Ok(Talk::Failed(error)) => return Ended::ContactLost(error),
            Ok(Talk::Over) | Err(_) => {}
        }
    }
    Ended::ByItself(status)
}

/// Writes and reads at the same time: a child may answer before it has read everything.
async fn talk(
    input: Option<ChildStdin>,
    bytes: Vec<u8>,
    output: Option<ChildStdout>,
    stdout: &mut Vec<u8>,
    limit: usize,
) -> Talk {
    let write = async {
        if let Some(mut input) = input {
            // A child that does not want all of its input closes the pipe; its exit status says whether that is bad.
            drop(input.write_all(&bytes).await);
        }
    };
    let read = async {
        let Some(mut output) = output else { return Talk::Over };
        let mut chunk = vec![0; CHUNK_BYTES];
        loop {
            match output.read(&mut chunk).await {
                Ok(0) => return Talk::Over,
                Ok(count) if limit < stdout.len() + count => return Talk::TooMuch,
                Ok(count) => stdout.extend_from_slice(&chunk[..count]),
                Err(error) => return Talk::Failed(error),
            }
        }
    };
    let mut write = pin!(write);
    let mut read = pin!(read);
    select! {
        said = &mut read => match said {
            // The child may close its stdout first and go on reading.
            Talk::Over => {
                write.await;
                Talk::Over
            }
            Talk::TooMuch | Talk::Failed(_) => said,
        },
        () = &mut write => read.await,
    }
}

#[cfg(test)]
mod tests;
