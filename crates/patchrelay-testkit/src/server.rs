//! The loopback listener that every fake has.

use std::net::SocketAddr;

use axum::Router;
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::sync::{CancellationToken, DropGuard};

/// A fake's listener. It ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Listening {
    pub(crate) address: SocketAddr,
    _stop: DropGuard,
    _task: JoinHandle<()>,
}

/// Serves these routes on a free loopback port, or on the given one.
pub(crate) async fn listen(router: Router, port: u16) -> std::io::Result<Listening> {
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    let address = listener.local_addr()?;
    let stop = CancellationToken::new();
    let stopped = stop.clone().cancelled_owned();
    #[expect(
        clippy::disallowed_methods,
        reason = "a fake ends with its guard, and nothing waits for it"
    )]
    let task = tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, router).with_graceful_shutdown(stopped).await {
            tracing::warn!(%error, "a fake's listener ended");
        }
    });
    Ok(Listening { address, _stop: stop.drop_guard(), _task: task })
}
