//! `patchrelay serve`.

use std::{io::IsTerminal, path::Path, sync::Arc};

use patchrelay::{CancellationToken, ports::Probe};
use tokio::signal::unix::{SignalKind, signal};
use tracing::info;

use crate::{
    cli::LogChoice,
    config,
    environment::Environment,
    failure::Failure,
    log,
    output::Output,
    reload::read_again,
    secrets::Secrets,
    wire::{self, App, Parts},
};

/// Runs the service until SIGTERM or SIGINT. A second signal ends the process at once, which loses nothing. On SIGHUP the
/// configuration is read again, but where it is the terminal that is closed: that is no reason to leave runs without a
/// word.
pub(crate) async fn run(
    flag: Option<&Path>,
    port: Option<u16>,
    environment: &Environment,
    output: &Output,
    log: LogChoice,
    probe: Arc<dyn Probe>,
) -> Result<(), Failure> {
    let config_path = config::find(flag, environment)?;
    let written = config::load(&config_path, environment)?;
    let mut config = written.clone();
    if let Some(port) = port {
        config.server.port = port;
    }
    let secrets = Secrets::look_up(environment)?;
    let log =
        log::start(&config.telemetry, log, &wire::secret_values(&config, &secrets, environment))?;
    let listener = wire::bind(&config).await?;
    let app = App::open(Parts {
        config: &config,
        config_path: &config_path,
        secrets,
        environment,
        probe,
        listener,
    })
    .await?;
    // Before anybody is told that we run: whoever knows it may ask us to stop.
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hangup = signal(SignalKind::hangup())?;
    let has_terminal = std::io::stdin().is_terminal();
    let mut taken_over = written;
    let address = app.address();
    if output.is_json() {
        output.value(&serde_json::json!({ "address": address.to_string() }))?;
    } else {
        output.line(&format!("patchrelay listens on http://{address}"))?;
    }
    let stop = CancellationToken::new();
    let running = app.run_until(stop.clone());
    tokio::pin!(running);
    let mut asked = false;
    loop {
        tokio::select! {
            ended = &mut running => return Ok(ended?),
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
            _ = hangup.recv() => {
                if !has_terminal {
                    read_again(&config_path, environment, &mut taken_over, &log);
                    continue;
                }
            }
        }
        if asked {
            return Err(Failure::new(
                "ended at once on the second signal; the next start continues",
            ));
        }
        asked = true;
        info!("stopping; a second signal ends at once");
        stop.cancel();
    }
}
