//! JSON from outside: bounded in depth, and read with an error that says where it does not fit.

use serde::de::{DeserializeOwned, IgnoredAny};

/// Whether these bytes are one JSON text that nests at most `max_depth` containers. Takes time in proportion to the
/// bytes and no stack, whatever they are.
pub(crate) fn check(body: &[u8], max_depth: usize) -> Result<(), String> {
    let text = std::str::from_utf8(body)
        .map_err(|error| format!("not UTF-8 after byte {}", error.valid_up_to()))?;
    if max_depth < depth(text) {
        return Err(format!("nested more than {max_depth} levels deep"));
    }
    serde_json::from_str::<IgnoredAny>(text).map(drop).map_err(|error| error.to_string())
}

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

/// The deepest nesting that the brackets outside of strings open. For text that is not JSON, any number: the syntax is
/// checked afterwards.
fn depth(text: &str) -> usize {
    let (mut open, mut deepest) = (0_usize, 0_usize);
    let (mut in_string, mut escaped) = (false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'[' | b'{' if !in_string => {
                open += 1;
                deepest = deepest.max(open);
            }
            b']' | b'}' if !in_string => open = open.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

#[cfg(test)]
mod tests;
