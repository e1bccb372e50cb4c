//! One bounded look at the syntax of a body, for every sender alike (D34).

use serde::de::IgnoredAny;

/// How deep arrays and objects may nest. Linear's and GitHub's own nest about ten deep.
pub(crate) const MAX_DEPTH: usize = 64;

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
