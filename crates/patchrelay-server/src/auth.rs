//! Who may look.

use std::net::{IpAddr, SocketAddr};

use axum::{
    extract::{ConnectInfo, Request, State},
    http::{HeaderMap, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use secrecy::{ExposeSecret, SecretString};
use subtle::ConstantTimeEq;
use thiserror::Error;

use crate::{ServerState, error::ApiError};

/// Who may use the operator routes.
#[derive(Clone, Debug)]
pub struct Operators(Rule);

#[derive(Clone, Debug)]
enum Rule {
    /// Whoever has this token.
    Token(SecretString),
    /// Programs of this machine, and no web page that is open on it.
    Loopback,
}

/// The operator routes would be open to everybody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error(
    "binding to {0} makes the operator API public: set PATCHRELAY_API_TOKEN, or bind to 127.0.0.1"
)]
pub struct OpenBind(pub IpAddr);

impl Operators {
    /// With a token, whoever has it. Without one, programs of this machine, when the bind is a loopback address.
    ///
    /// # Errors
    ///
    /// When there is no token and the bind is not a loopback address.
    pub fn new(token: Option<SecretString>, bind: IpAddr) -> Result<Self, OpenBind> {
        match token {
            Some(token) => Ok(Self(Rule::Token(token))),
            None if bind.is_loopback() => Ok(Self(Rule::Loopback)),
            None => Err(OpenBind(bind)),
        }
    }
}

/// Lets a request pass, or says why not.
pub(crate) async fn check(
    State(state): State<ServerState>,
    request: Request,
    next: Next,
) -> Response {
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip());
    match permit(&state.operators, request.headers(), peer) {
        Ok(()) => next.run(request).await,
        Err(error) => error.into_response(),
    }
}

fn permit(
    operators: &Operators,
    headers: &HeaderMap,
    peer: Option<IpAddr>,
) -> Result<(), ApiError> {
    match &operators.0 {
        Rule::Token(token) => {
            let given = headers
                .get(header::AUTHORIZATION)
                .and_then(|value| value.to_str().ok())
                .and_then(|value| value.strip_prefix("Bearer "))
                .unwrap_or_default();
            if bool::from(given.as_bytes().ct_eq(token.expose_secret().as_bytes())) {
                return Ok(());
            }
            Err(ApiError::new(
                StatusCode::UNAUTHORIZED,
                "operator_auth_required",
                "send `Authorization: Bearer` with the value of PATCHRELAY_API_TOKEN",
            ))
        }
        Rule::Loopback => {
            let refuse =
                |message: &str| Err(ApiError::new(StatusCode::FORBIDDEN, "loopback_only", message));
            if !peer.is_some_and(|peer| peer.is_loopback()) {
                return refuse(
                    "without PATCHRELAY_API_TOKEN only programs of this machine are answered",
                );
            }
            // A name that a foreign DNS server points at this machine is not a loopback name.
            let host =
                headers.get(header::HOST).and_then(|value| value.to_str().ok()).unwrap_or_default();
            if !is_loopback_host(host) {
                return refuse(
                    "without PATCHRELAY_API_TOKEN the request must name a loopback host",
                );
            }
            let origin =
                headers.get(header::ORIGIN).map(|value| value.to_str().unwrap_or_default());
            match origin.map(|origin| origin.strip_prefix("http://").is_some_and(|of| of == host)) {
                None | Some(true) => Ok(()),
                Some(false) => refuse("a web page of another origin may not use the operator API"),
            }
        }
    }
}

fn is_loopback_host(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    name.eq_ignore_ascii_case("localhost")
        || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests;
