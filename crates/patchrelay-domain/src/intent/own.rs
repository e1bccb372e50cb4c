//! The words that somebody wrote themselves: a text without what they quoted, pasted or are made to append.

/// How many characters of somebody's own words are looked at.
pub(super) const MAX_CHARS: usize = 2_000;

/// The longest line that can be what a mail program appends, in words.
const MAX_APPENDED_WORDS: usize = 5;

/// Somebody's own words.
#[derive(Debug)]
pub(super) struct Own {
    /// At most [`MAX_CHARS`] of them. A mention that is a link is only a mention.
    pub(super) text: String,
    /// Whether there are more.
    pub(super) more: bool,
    /// Whether there is a block of code, which is not part of `text`.
    pub(super) code: bool,
}

/// Reads Markdown, and mails that were sent as a comment. What has no width is taken out.
pub(super) fn words_of(text: &str) -> Own {
    let (mut lines, mut room) = (Vec::new(), MAX_CHARS);
    let (mut more, mut code) = (false, false);
    let mut open: Option<Fence> = None;
    for line in text.lines() {
        let line: String = line.chars().filter(|&c| !has_no_width(c)).collect();
        let fence = Fence::of(&line);
        if let Some(begin) = &open {
            if fence.is_some_and(|end| end.closes(begin)) {
                open = None;
            } else {
                code |= !line.trim().is_empty();
            }
        } else if let Some(begin) = fence.filter(Fence::can_open) {
            open = Some(begin);
        } else if is_quoted(&line) {
            drop_attribution(&mut lines);
        } else if is_end_of_mail(&line, &lines) {
            break;
        } else if !is_appended(&line) {
            let line = line.trim();
            let taken: String = line.chars().take(room).collect();
            room -= taken.chars().count();
            more = taken.len() < line.len();
            lines.push(taken);
            if more {
                break;
            }
        }
    }
    Own { text: without_links_of_mentions(&lines.join("\n")), more, code }
}

/// Not all that cannot be seen: some of it is as wide as a blank, and stays one.
fn has_no_width(c: char) -> bool {
    matches!(u32::from(c),
        0x00AD | 0x034F | 0x061C | 0x180B..=0x180F | 0x200B..=0x200F | 0x202A..=0x202E | 0x2060..=0x206F
        | 0xFE00..=0xFE0F | 0xFEFF | 0xE0000..=0xE0FFF)
}

/// A line that begins or ends a block of code.
struct Fence {
    mark: char,
    length: usize,
    is_bare: bool,
    has_backtick_behind: bool,
}

impl Fence {
    fn of(line: &str) -> Option<Self> {
        let line = line.trim();
        let mark = line.chars().next().filter(|c| matches!(c, '`' | '~'))?;
        let behind = line.trim_start_matches(mark);
        let length = line.len() - behind.len();
        (length >= 3).then(|| Self {
            mark,
            length,
            is_bare: behind.is_empty(),
            has_backtick_behind: behind.contains('`'),
        })
    }

    /// Three backticks with others in the same line are code within a line.
    fn can_open(&self) -> bool {
        self.mark == '~' || !self.has_backtick_behind
    }

    fn closes(&self, begin: &Self) -> bool {
        self.is_bare && self.mark == begin.mark && self.length >= begin.length
    }
}

/// A comparison at the begin of a line is no quotation.
fn is_quoted(line: &str) -> bool {
    let line = line.trim_start();
    line.starts_with('>') && !line.starts_with(">=")
}

/// Takes back the "On Monday Ada wrote:" above a quotation, which mail programs break into two lines.
fn drop_attribution(lines: &mut Vec<String>) {
    let Some(last) = lines.iter().rposition(|line| !line.is_empty()) else { return };
    if !lines[last].ends_with("wrote:") {
        return;
    }
    let begin = (last.saturating_sub(1)..=last).rev().find(|&at| lines[at].starts_with("On "));
    if let Some(begin) = begin {
        lines.truncate(begin);
    }
}

/// Whether what follows is a signature or the mail that was answered. Two dashes right below a line are a heading.
fn is_end_of_mail(line: &str, before: &[String]) -> bool {
    let is_signature = line.trim() == "--"
        && before.iter().any(|line| !line.is_empty())
        && (line == "-- " || before.last().is_some_and(String::is_empty));
    is_signature || (line.starts_with("-----") && line.to_lowercase().contains("original message"))
}

fn is_appended(line: &str) -> bool {
    line.to_lowercase().starts_with("sent from my ")
        && line.split_whitespace().count() <= MAX_APPENDED_WORDS
}

/// Some trackers show `[@name](address)` where a person chose a name.
fn without_links_of_mentions(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, link)) = rest.split_once("[@") {
        out.push_str(before);
        let parts = link
            .split_once("](")
            .and_then(|(label, rest)| rest.split_once(')').map(|(_, rest)| (label, rest)));
        match parts.filter(|(label, _)| !label.contains(['[', ']', '\n'])) {
            Some((label, behind)) => {
                out.push('@');
                out.push_str(label);
                rest = behind;
            }
            None => {
                out.push_str("[@");
                rest = link;
            }
        }
    }
    out.push_str(rest);
    out
}
