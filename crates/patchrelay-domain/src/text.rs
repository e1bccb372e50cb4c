//! Text from outside, made fit for a place of ours.

/// One line of at most `max` characters: line breaks and control characters become blanks, a cut is marked.
pub(crate) fn single_line(text: &str, max: usize) -> String {
    let cleaned: String =
        text.chars().map(|c| if c.is_control() || is_invisible(c) { ' ' } else { c }).collect();
    capped(&cleaned.split_whitespace().collect::<Vec<_>>().join(" "), max)
}

/// At most `max` characters; a cut is marked and says how much is missing.
pub(crate) fn capped(text: &str, max: usize) -> String {
    match text.char_indices().nth(max) {
        None => text.to_owned(),
        Some((end, _)) => {
            format!("{}… ({} characters left out)", &text[..end], text[end..].chars().count())
        }
    }
}

/// A text of the agent as a Markdown quotation: it cannot be taken for our own words.
pub(crate) fn quoted(text: &str, max: usize) -> String {
    visible(&capped(text.trim(), max))
        .lines()
        .map(|line| format!("> {line}"))
        .collect::<Vec<_>>()
        .join("\n")
}

/// The same text with every control, bidirectional, zero-width and tag character spelled out, except line feed and
/// tab: what a model or a reviewer reads is then what is there.
pub(crate) fn visible(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if (c.is_control() && c != '\n' && c != '\t') || is_invisible(c) {
            out.push_str(&format!("<U+{:04X}>", u32::from(c)));
        } else {
            out.push(c);
        }
    }
    out
}

fn is_invisible(c: char) -> bool {
    matches!(u32::from(c),
        0x00AD | 0x034F | 0x061C | 0x115F | 0x1160 | 0x17B4 | 0x17B5 | 0x180B..=0x180F
        | 0x200B..=0x200F | 0x2028..=0x202E | 0x2060..=0x206F | 0x3164 | 0xFE00..=0xFE0F | 0xFEFF | 0xFFA0
        | 0xFFF0..=0xFFFB | 0x1D173..=0x1D17A | 0xE0000..=0xE0FFF)
}

#[cfg(test)]
mod tests;
