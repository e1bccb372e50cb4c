//! Who may look.

use std::net::{IpAddr, SocketAddr};

use axum::{
    extract::{ConnectInfo, Request, State},
    http::{HeaderMap, HeaderName, StatusCode, header},
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
    /// Programs of this machine, and no web page that is open on it, and nobody through a proxy on it.
    Loopback,
}

/// The operator routes would be open to everybody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error(
    "binding to {0} makes the operator API public: set PATCHRELAY_API_TOKEN, or bind to 127.0.0.1"
)]
pub struct OpenBind(pub IpAddr);

impl Operators {
    /// With a token, whoever has it. Without one, programs of this machine, when the bind is a loopback address, unless
    /// a header tells of a proxy; a proxy that adds none cannot be told from such a program. An empty token is none:
    /// everybody has it.
    ///
    /// # Errors
    ///
    /// When there is no token and the bind is not a loopback address.
    pub fn new(token: Option<SecretString>, bind: IpAddr) -> Result<Self, OpenBind> {
        match token.filter(|token| !token.expose_secret().is_empty()) {
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
            let given = single(headers, &header::AUTHORIZATION).and_then(bearer);
            // Takes the same time wherever the first difference is.
            if given.is_some_and(|given| {
                given.as_bytes().ct_eq(token.expose_secret().as_bytes()).into()
            }) {
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
            // A proxy's peers are anybody, and it may have put our own name in place of theirs.
            if headers.keys().any(is_of_a_proxy) {
                return refuse(
                    "the request came through a proxy; behind one, the operator API needs \
                     PATCHRELAY_API_TOKEN",
                );
            }
            // A name that a foreign DNS server points at this machine is not a loopback name.
            let Some(host) = single(headers, &header::HOST).filter(|host| is_loopback_host(host))
            else {
                return refuse(
                    "without PATCHRELAY_API_TOKEN the request must name a loopback host",
                );
            };
            let own = format!("http://{host}");
            if headers
                .get_all(header::ORIGIN)
                .iter()
                .any(|origin| origin.as_bytes() != own.as_bytes())
            {
                return refuse("a web page of another origin may not use the operator API");
            }
            Ok(())
        }
    }
}

/// The value of a header that came once: of two that differ, nobody knows which one a proxy before us looked at.
fn single<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (Some(only), None) => only.to_str().ok(),
        (_, _) => None,
    }
}

/// Whether proxies add this header, and nobody else.
fn is_of_a_proxy(name: &HeaderName) -> bool {
    *name == header::FORWARDED
        || *name == header::VIA
        || name.as_str() == "x-real-ip"
        || name.as_str().starts_with("x-forwarded-")
}

/// The token of `Bearer TOKEN`. The scheme's name has no case (RFC 9110, section 11.1).
fn bearer(value: &str) -> Option<&str> {
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim_start_matches(' '))
}

/// `localhost` or a loopback address, with or without a port, and nothing else.
fn is_loopback_host(host: &str) -> bool {
    // The colons inside of brackets are an address's own.
    let (name, rest) = match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((name, rest)) => (name, rest),
        None => host.split_at(host.find(':').unwrap_or(host.len())),
    };
    let has_port = rest.strip_prefix(':').is_some_and(|port| port.parse::<u16>().is_ok());
    let is_loopback = match (host.starts_with('['), name.parse::<IpAddr>()) {
        (true, Ok(IpAddr::V6(address))) => address.is_loopback(),
        (false, Ok(IpAddr::V4(address))) => address.is_loopback(),
        (false, Err(_)) => name.eq_ignore_ascii_case("localhost"),
        (_, _) => false,
    };
    is_loopback && (rest.is_empty() || has_port)
}

#[cfg(test)]
mod tests;
