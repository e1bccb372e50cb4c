//! What a delivery says.

mod comment;
mod session;

use chrono::DateTime;
use patchrelay_domain::{Actor, Standing, Timestamp};
use patchrelay_ports::{Signal, SignalKind};
use serde::{Deserialize, de::DeserializeOwned};

/// How the comment begins that Linear itself writes when a ticket is delegated. No human said it.
const THREAD_MARKER: &str = "This thread is for an agent session";

/// The types of delivery that say something to us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum EventType {
    /// An agent session of ours opened, or somebody wrote into it.
    AgentSession,
    /// Somebody commented on something.
    Comment,
}

impl EventType {
    /// The type of this name, if it is one that we handle.
    pub(super) fn named(name: &str) -> Option<Self> {
        [Self::AgentSession, Self::Comment].into_iter().find(|known| known.name() == name)
    }

    fn name(self) -> &'static str {
        match self {
            Self::AgentSession => "AgentSessionEvent",
            Self::Comment => "Comment",
        }
    }

    /// Reads a body of this type. The error names the field that is missing or wrong.
    pub(super) fn read(self, body: &[u8]) -> Result<Vec<Signal>, String> {
        #[derive(Deserialize)]
        struct Typed {
            #[serde(rename = "type")]
            kind: Option<String>,
        }
        // The header that named the type is not signed.
        if parsed::<Typed>(body)?.kind.as_deref() != Some(self.name()) {
            return Err(format!("`type` is not {}", self.name()));
        }
        let signal: Option<SignalKind> = match self {
            Self::AgentSession => session::read(parsed(body)?)?,
            Self::Comment => comment::read(parsed(body)?)?,
        };
        Ok(signal.map(|kind| Signal { kind }).into_iter().collect())
    }
}

/// A user, as deliveries show them: always a member of the workspace.
#[derive(Debug, Deserialize)]
struct User {
    id: Option<String>,
    name: Option<String>,
    /// Linear lets nobody in whose e-mail it has not seen to be theirs.
    email: Option<String>,
}

/// Where Linear gives the users of apps their addresses.
const APPS_DOMAIN: &str = "@oauthapp.linear.app";

/// The member who is shown whole, or by id only.
fn member(user: Option<User>, id: Option<String>) -> Option<Actor> {
    let (shown, name, email) = match user {
        Some(user) => (user.id, user.name, user.email),
        None => (None, None, None),
    };
    let (id, shown) = (present(id), present(shown));
    // Of two that differ, nobody knows whose name and e-mail these are.
    let is_one = id.is_none() || shown.is_none() || id == shown;
    let id = id.or(shown)?;
    Some(Actor {
        id,
        standing: match &email {
            Some(email) if email.ends_with(APPS_DOMAIN) => Standing::Program,
            Some(_) | None => Standing::Member,
        },
        name: present(name).filter(|_| is_one),
        email: present(email).filter(|_| is_one),
    })
}

fn parsed<T: DeserializeOwned>(body: &[u8]) -> Result<T, String> {
    serde_path_to_error::deserialize(&mut serde_json::Deserializer::from_slice(body))
        .map_err(|error| error.to_string())
}

/// A name that becomes part of an issue's, where `/` has a meaning.
fn id(value: Option<String>, field: &str) -> Result<String, String> {
    let id = required(value, field)?;
    if id.contains('/') { Err(format!("`{field}` is not an id")) } else { Ok(id) }
}

fn required(value: Option<String>, field: &str) -> Result<String, String> {
    present(value).ok_or_else(|| format!("`{field}` is missing"))
}

/// A text that says something.
fn present(value: Option<String>) -> Option<String> {
    value.filter(|text| !text.trim().is_empty())
}

/// What is there of a time that can be read.
fn readable(text: Option<String>) -> Option<Timestamp> {
    let time = DateTime::parse_from_rfc3339(&text?).ok()?;
    Some(Timestamp::from_millis(time.timestamp_millis()))
}

/// A time that a text is told apart from others by.
fn time(text: Option<String>, field: &str) -> Result<Timestamp, String> {
    let text = required(text, field)?;
    readable(Some(text)).ok_or_else(|| format!("`{field}` is not a time"))
}

#[cfg(test)]
mod tests;
