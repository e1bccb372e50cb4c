//! The command line.

use std::{io::IsTerminal, path::PathBuf};

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

/// Turns tickets that are delegated to it in Linear into merged GitHub pull requests.
#[derive(Debug, Parser)]
#[command(name = "patchrelay", version, propagate_version = true)]
pub(crate) struct Cli {
    /// The configuration file [default: $PATCHRELAY_CONFIG, or patchrelay/patchrelay.toml in $XDG_CONFIG_HOME]
    #[arg(long, global = true, value_name = "PATH")]
    pub(crate) config: Option<PathBuf>,
    /// Print JSON
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Color the log
    #[arg(long, global = true, value_enum, default_value_t = Color::Auto)]
    pub(crate) color: Color,
    /// Log more; twice for everything
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
    /// Log warnings only
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub(crate) quiet: bool,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// When the log is colored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    // Without help of their own, which would blow up the help of every command.
    Auto,
    Always,
    Never,
}

impl Color {
    /// Whether what is written to standard error is colored.
    pub(crate) fn on_stderr(self) -> bool {
        match self {
            Self::Auto => std::io::stderr().is_terminal(),
            Self::Always => true,
            Self::Never => false,
        }
    }
}

impl Cli {
    /// What the command line says of the log.
    pub(crate) fn log(&self) -> LogChoice {
        let level = match (self.quiet, self.verbose) {
            (true, _) => Some("warn"),
            (false, 0) => None,
            (false, 1) => Some("debug"),
            (false, _) => Some("trace"),
        };
        LogChoice { level, color: self.color.on_stderr() }
    }
}

/// What the command line says of the log.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LogChoice {
    /// What is logged, instead of what the configuration says.
    pub(crate) level: Option<&'static str>,
    /// Whether it is colored.
    pub(crate) color: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show the whole loop on this machine, without any account: a ticket becomes a merged pull request
    Demo(DemoOptions),
    /// Run the service
    Serve {
        /// Listen on this port instead of the configured one
        #[arg(long)]
        port: Option<u16>,
    },
    /// Write a configuration and a file for secrets, and tell what to do next
    Init(InitOptions),
    /// Look for what is wrong on this machine, and tell what to do about it
    Doctor,
    /// Look at issues, and order what is to be done
    Issue {
        #[command(subcommand)]
        command: IssueCommand,
    },
    /// Look at the configuration
    Config {
        #[command(subcommand)]
        command: ConfigCommand,
    },
    /// Let systemd run the service
    Service {
        #[command(subcommand)]
        command: ServiceCommand,
    },
    /// Print what your shell needs to complete commands
    Completions {
        /// Which shell
        shell: Shell,
    },
    /// Print the manual, as man reads it
    Man {
        /// Write a page for each command into this directory instead
        #[arg(long, value_name = "DIR")]
        dir: Option<PathBuf>,
    },
    /// Look at prompts
    Prompt {
        #[command(subcommand)]
        command: PromptCommand,
    },
    /// Speak the agent's protocol on standard input and output, following a script
    #[command(hide = true)]
    ScriptedAgent {
        /// The script; without one, a small change is made
        #[arg(long, value_name = "FILE")]
        script: Option<PathBuf>,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum ServiceCommand {
    /// Write a unit that may write nowhere but where it has to, start it, and let it start with the machine
    Install {
        #[command(flatten)]
        options: UnitOptions,
        /// Replace a unit that says something else; the old one is kept beside it
        #[arg(long)]
        force: bool,
        /// Only write the unit
        #[arg(long)]
        write_only: bool,
    },
    /// Stop it, and remove the unit
    Uninstall(UnitOptions),
    /// Start it anew
    Restart(UnitOptions),
    /// Show what systemd knows of it, and whether it answers
    Status(UnitOptions),
    /// Print the last lines of its log
    Logs {
        #[command(flatten)]
        options: UnitOptions,
        /// How many
        #[arg(long, value_name = "N", default_value_t = 50)]
        lines: u32,
    },
}

#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct UnitOptions {
    /// The machine's systemd, as root, with the account that owns the configuration [default: that of this user]
    #[arg(long)]
    pub(crate) system: bool,
}

#[derive(Debug, Args)]
pub(crate) struct InitOptions {
    /// What others reach this machine by, such as https://relay.example.com
    #[arg(value_name = "PUBLIC_URL")]
    pub(crate) address: Option<String>,
    /// Write new files although there are some; the old ones are kept beside them
    #[arg(long)]
    pub(crate) force: bool,
}

#[derive(Debug, Args)]
pub(crate) struct DemoOptions {
    /// Who does the work: a script, or your codex, which asks its model and costs what that costs
    #[arg(long, value_enum, default_value_t = DemoAgent::Scripted)]
    pub(crate) agent: DemoAgent,
    /// Leave everything in this directory, which must be empty or absent
    #[arg(long, value_name = "DIR")]
    pub(crate) keep: Option<PathBuf>,
}

/// Who does the demo's work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum DemoAgent {
    // Without help of their own, as above.
    Scripted,
    Codex,
}

#[derive(Debug, Subcommand)]
pub(crate) enum IssueCommand {
    /// List issues, newest change first
    List(ListOptions),
    /// Show what is known of an issue
    Show(OneIssue),
    /// Say why an issue is in its state, and what would change it
    Explain(OneIssue),
    /// Follow what happens to an issue until it is over: ends with 0 when it is done, and with 1 when it failed or needs a
    /// human
    Watch(OneIssue),
    /// Print the directory in which an issue is worked on
    Path(OneIssue),
    /// Go on yourself where the agent stopped: opens codex on the issue's thread and in its directory
    Open {
        #[command(flatten)]
        one: OneIssue,
        /// Print the command instead
        #[arg(long)]
        print: bool,
    },
    #[command(flatten)]
    Order(OrderCommand),
}

/// What is to be done about an issue.
#[derive(Debug, Subcommand)]
pub(crate) enum OrderCommand {
    /// Tell the agent something
    Prompt {
        #[command(flatten)]
        one: OneIssue,
        /// What
        text: String,
    },
    /// Stop what is done about an issue, until somebody says what to do
    Stop(Ordered),
    /// Try again, whatever was spent and given up
    Retry {
        #[command(flatten)]
        ordered: Ordered,
        /// What kind of run: implementation, review_fix, branch_upkeep, ci_repair or queue_repair
        #[arg(long, value_name = "TYPE")]
        run_type: Option<String>,
    },
    /// End an issue here
    Close {
        #[command(flatten)]
        ordered: Ordered,
        /// As failed
        #[arg(long)]
        failed: bool,
    },
    /// Publish the work that the gate holds, exactly as it is
    Approve {
        #[command(flatten)]
        ordered: Ordered,
        /// Only if this is what is held, as `issue explain` shows it [default: what is held now]
        #[arg(long, value_name = "ID")]
        tree: Option<String>,
    },
}

/// An order to an issue.
#[derive(Debug, Args)]
pub(crate) struct Ordered {
    #[command(flatten)]
    pub(crate) one: OneIssue,
    /// Why; it is kept in the issue's history
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct ListOptions {
    /// Only those that are not over
    #[arg(long)]
    pub(crate) active: bool,
    /// Only those that need a human
    #[arg(long)]
    pub(crate) failed: bool,
    /// Only those of this project
    #[arg(long, value_name = "ID")]
    pub(crate) project: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct OneIssue {
    /// The ticket's key, such as APP-1
    pub(crate) key: String,
    /// Its project, when several have that key
    #[arg(long, value_name = "ID")]
    pub(crate) project: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum PromptCommand {
    /// Print the prompt that the agent would get, without any service
    Preview(PreviewOptions),
}

#[derive(Debug, Args)]
pub(crate) struct PreviewOptions {
    /// The ticket, its branches and what else is known, as JSON
    #[arg(long, value_name = "FILE")]
    pub(crate) issue: PathBuf,
    /// What the run is for [default: what the file says, or implementation]
    #[arg(long, value_name = "TYPE")]
    pub(crate) run_type: Option<String>,
    /// What a run of this type is about: a failed check, a review, a queue incident
    #[arg(long, value_name = "FILE")]
    pub(crate) context: Option<PathBuf>,
    /// A checkout whose workflow file is included
    #[arg(long, value_name = "PATH")]
    pub(crate) repo: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Check the configuration file, and name every mistake
    Check,
    /// Print the effective values, without secrets, and where each was set
    Show,
    /// Print a JSON Schema of the configuration file, for editors
    Schema,
}

#[cfg(test)]
mod tests;
