//! The address of the database, which may hold a password.

use std::{collections::BTreeSet, fmt};

use reqwest::Url;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// `database.url` as it is written. Whatever shows it, shows it without what may be a password.
#[derive(Clone)]
pub(crate) struct DatabaseUrl(SecretString);

impl DatabaseUrl {
    /// The whole, for whoever opens the database.
    pub(crate) fn secret(&self) -> &SecretString {
        &self.0
    }

    /// The file of a SQLite database, as it is written.
    pub(crate) fn sqlite_file(&self) -> Option<&str> {
        self.0.expose_secret().strip_prefix("sqlite://")
    }

    /// Whether it names a PostgreSQL database.
    pub(crate) fn is_postgres(&self) -> bool {
        ["postgres://", "postgresql://"]
            .iter()
            .any(|scheme| self.0.expose_secret().starts_with(scheme))
    }

    /// The password, as it is written and as it is meant. Of an address that cannot be taken apart, all of it.
    pub(crate) fn passwords(&self) -> Vec<SecretString> {
        let written = self.0.expose_secret();
        if self.sqlite_file().is_some() {
            return Vec::new();
        }
        let Ok(url) = Url::parse(written) else { return vec![self.0.clone()] };
        let encoded = url.password().unwrap_or_default().to_owned();
        // What is encoded there in one way is decoded by who reads a query.
        let decoded = Url::parse(&format!("x:?password={}", encoded.replace('+', "%2B")));
        let both = [decoded.as_ref(), Ok(&url)].into_iter().flatten();
        let named = both.flat_map(|url| url.query_pairs()).filter(|(name, _)| name == "password");
        let found = named.map(|(_, value)| value.into_owned()).chain([encoded.clone()]);
        let found: BTreeSet<String> = found.filter(|text| !text.is_empty()).collect();
        found.into_iter().map(SecretString::from).collect()
    }

    /// What people may see. Of what cannot be taken apart, nothing: any part of it may be the password.
    fn shown(&self) -> String {
        let hidden = || "(set)".to_owned();
        let written = self.0.expose_secret();
        if self.sqlite_file().is_some() {
            return written.to_owned();
        }
        let Some(url) = Url::parse(written).ok().filter(|_| self.is_postgres()) else {
            return hidden();
        };
        // A password with a slash in it looks like a path.
        if url.path().contains('@') || url.fragment().is_some() {
            return hidden();
        }
        let has_user = !url.username().is_empty() || url.password().is_some();
        let user = if has_user { "***@" } else { "" };
        let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
        let query = if url.query().is_some() { "?***" } else { "" };
        let host = url.host_str().unwrap_or_default();
        format!("{}://{user}{host}{port}{}{query}", url.scheme(), url.path())
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown())
    }
}

impl PartialEq for DatabaseUrl {
    fn eq(&self, other: &Self) -> bool {
        self.0.expose_secret() == other.0.expose_secret()
    }
}

impl<'de> Deserialize<'de> for DatabaseUrl {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self(SecretString::from(text)))
    }
}

impl Serialize for DatabaseUrl {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.shown())
    }
}

#[cfg(test)]
mod tests;
