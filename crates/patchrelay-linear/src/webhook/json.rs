//! One bounded look at the syntax of a body.

use serde::de::IgnoredAny;
use thiserror::Error;

/// How deep arrays and objects may nest (D34). Linear's own nest about ten deep.
const MAX_DEPTH: usize = 64;

/// What is wrong with a body.
#[derive(Debug, Error)]
pub(crate) enum SyntaxError {
    #[error("it is not UTF-8")]
    Encoding,
    #[error("it nests deeper than {MAX_DEPTH}")]
    Depth,
    #[error("{0}")]
    Syntax(serde_json::Error),
}

/// Takes a body that is one JSON value of bounded depth. Needs time in proportion to its length and no stack.
pub(crate) fn check(body: &[u8]) -> Result<&str, SyntaxError> {
    let text = std::str::from_utf8(body).map_err(|_| SyntaxError::Encoding)?;
    if MAX_DEPTH < depth(body) {
        return Err(SyntaxError::Depth);
    }
    serde_json::from_str::<IgnoredAny>(text).map_err(SyntaxError::Syntax)?;
    Ok(text)
}

/// How deep brackets nest outside of strings. Exact for JSON; for anything else some number.
fn depth(body: &[u8]) -> usize {
    let mut depth = 0_usize;
    let mut deepest = 0;
    let mut in_string = false;
    let mut is_escaped = false;
    for byte in body {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if in_string => is_escaped = true,
            b'"' => in_string = !in_string,
            b'[' | b'{' if !in_string => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b']' | b'}' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}
