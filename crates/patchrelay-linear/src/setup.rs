//! What the adapter is set up with.

use std::{fmt, time::Duration};

use patchrelay_ports::Cause;
use secrecy::SecretString;
use thiserror::Error;
use url::Url;

/// Where Linear is and how we prove who we are.
#[derive(Clone, Debug)]
pub struct LinearConfig {
    /// The GraphQL endpoint, such as `https://api.linear.app/graphql`.
    pub api_url: Url,
    /// What is sent as authorization.
    pub credential: Credential,
    /// How long one request may take, from the connection to the last byte of the answer. A call of the port makes up
    /// to four.
    pub timeout: Duration,
}

/// What is sent as authorization.
#[derive(Clone)]
pub enum Credential {
    /// A token of our OAuth app, sent as `Bearer`. We are an app user: tickets are delegated to us.
    AppToken(SecretString),
    /// A person's API key, sent bare. There is no app user, so a ticket counts as delegated to us when it is assigned
    /// to that person (D37).
    PersonalKey(SecretString),
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AppToken(_) => f.write_str("AppToken"),
            Self::PersonalKey(_) => f.write_str("PersonalKey"),
        }
    }
}

/// Why the adapter cannot be set up.
#[derive(Debug, Error)]
pub enum SetupError {
    /// The credential is empty or has characters that no header can carry, such as a line break.
    #[error("the Linear credential is empty or has characters that cannot be sent")]
    BadCredential,
    /// The webhook secret is empty, so anybody could sign.
    #[error("the Linear webhook secret is empty")]
    EmptyWebhookSecret,
    /// There is no HTTP client on this machine, for instance because no root certificates are installed.
    #[error("failed to set up the HTTP client for Linear")]
    Client(#[source] Cause),
}
