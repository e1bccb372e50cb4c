//! JSON from outside, read with an error that says where it does not fit.

use serde::de::DeserializeOwned;

/// Reads a value; the error names the path and the field.
pub(crate) fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, String> {
    let mut reader = serde_json::Deserializer::from_slice(body);
    let value = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let path = error.path().to_string();
        let reason = error.into_inner();
        // serde_path_to_error calls the root `.`.
        if path == "." { reason.to_string() } else { format!("{path}: {reason}") }
    })?;
    reader.end().map_err(|error| error.to_string())?;
    Ok(value)
}

#[cfg(test)]
mod tests;
