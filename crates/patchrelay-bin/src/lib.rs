//! The `patchrelay` program as a library: command line, configuration, and the wiring of every adapter.
//!
//! `main` is a table of contents. What a command prints goes through `output`, which strips control sequences;
//! what went wrong is one line that says what to do, and an exit code.

mod cli;
mod client;
mod config;
mod demo;
mod doctor;
mod environment;
mod failure;
mod file;
mod init;
mod installation;
mod log;
mod manual;
mod orders;
mod output;
mod preview;
mod private;
mod reload;
mod secrets;
mod serve;
mod service;
mod show;
mod takeover;
mod watch;
mod wire;

use std::{process::ExitCode, sync::Arc};

use clap::Parser;
use patchrelay::ports::{NoProbe, Probe};

use crate::{
    cli::{Cli, Command, ConfigCommand, IssueCommand, PromptCommand},
    environment::Environment,
    failure::Failure,
    output::Output,
};

/// Runs the program.
pub fn main() -> ExitCode {
    main_with(Arc::new(NoProbe))
}

/// Runs the program with a probe that is told of each step. For test binaries that crash on purpose (D41).
pub fn main_with(probe: Arc<dyn Probe>) -> ExitCode {
    let cli = Cli::parse();
    let output = Output::new(cli.json);
    match run(cli, &output, probe) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            output.failure(&failure);
            failure.exit_code()
        }
    }
}

fn run(cli: Cli, output: &Output, probe: Arc<dyn Probe>) -> Result<(), Failure> {
    let environment = Environment::of_process();
    // Nobody else in the process chooses a provider; saying it here turns a second one into an error at the start.
    if rustls::crypto::aws_lc_rs::default_provider().install_default().is_err() {
        return Err(Failure::new("another TLS provider is installed already"));
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let log = cli.log();
    let config = cli.config.as_deref();
    runtime.block_on(async {
        match cli.command {
            Command::Demo(options) => demo::run(&options, &environment, output, log).await,
            Command::Serve { port } => {
                serve::run(config, port, &environment, output, log, probe).await
            }
            Command::Init(options) => {
                let address = options.address.as_deref();
                init::run(config, address, options.force, &environment, output)
            }
            Command::Doctor => doctor::run(config, &environment, output).await,
            Command::Issue { command } => {
                let service = client::Service::of(config, &environment)?;
                match command {
                    IssueCommand::List(query) => show::list(output, &service.list(&query).await?),
                    IssueCommand::Show(one) => show::issue(output, &service.issue(&one).await?),
                    IssueCommand::Explain(one) => {
                        show::explain(output, &service.explain(&one).await?)
                    }
                    IssueCommand::Watch(one) => watch::run(output, &service, &one).await,
                    IssueCommand::Path(one) => takeover::path(output, &service.issue(&one).await?),
                    IssueCommand::Open { one, print } => {
                        let issue = service.issue(&one).await?;
                        takeover::open(output, &issue, config, &environment, print)
                    }
                    IssueCommand::Order(order) => {
                        orders::run(output, &service, &environment, order).await
                    }
                }
            }
            Command::Config { command } => match command {
                ConfigCommand::Check => show::config_check(output, config, &environment),
                ConfigCommand::Show => show::config(output, config, &environment),
                ConfigCommand::Schema => output.value(&config::schema()),
            },
            Command::Service { command } => {
                service::run(&command, config, &environment, output).await
            }
            Command::Completions { shell } => manual::completions(shell, output),
            Command::Man { dir } => manual::man(dir.as_deref(), output),
            Command::Prompt { command: PromptCommand::Preview(options) } => {
                preview::run(&options, output)
            }
            Command::ScriptedAgent { script } => {
                demo::scripted_agent(script.as_deref(), &environment).await
            }
        }
    })
}
