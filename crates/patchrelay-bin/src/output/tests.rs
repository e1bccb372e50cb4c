//! Tests.

use std::io::{self, Write};

use super::{failure_lines, json, one_line, plain, writeln};
use crate::failure::Failure;

#[test]
fn nothing_that_a_terminal_obeys_is_printed() {
    for (given, printed) in [
        ("plain, with \"quotes\" and ünïcödé 🚀", "plain, with \"quotes\" and ünïcödé 🚀"),
        ("two\nlines\tand a tab", "two\nlines\tand a tab"),
        // Colours, a title, a hyperlink, and the same with the one-character introducers.
        ("\u{1b}[31mred\u{1b}[0m", "[31mred[0m"),
        ("\u{1b}]0;title\u{7}x", "]0;titlex"),
        ("\u{9b}31mred\u{9d}0;title\u{9c}", "31mred0;title"),
        ("over\rwritten\u{8}\u{7f}", "overwritten"),
        ("nul\0", "nul"),
        // What follows these would be shown backwards.
        ("a\u{202e}b\u{2066}c\u{2069}", "abc"),
        // Joins emoji, and moves nothing.
        ("👩\u{200d}💻", "👩\u{200d}💻"),
    ] {
        assert_eq!(plain(given), printed, "{given:?}");
    }
}

#[test]
fn somebody_elses_text_is_one_line() {
    assert_eq!(one_line("  a\n\n  b\u{1b}[2Jc\r\nd  "), "a b[2Jc d");
    assert_eq!(one_line("\n"), "");
}

#[test]
fn a_failure_is_a_line_for_each_thing_that_is_wrong() {
    let failure = Failure::new("failed to read x:\n  line 1\u{1b}[31m\r\n  line 2");
    assert_eq!(failure_lines(&failure), "patchrelay: failed to read x: line 1[31m line 2");
}

#[test]
fn json_stays_the_same_value() {
    let value = serde_json::json!({ "title": "a\u{1b}[31m\u{9b}b\u{7f}\n\u{202e}\"\\ünï🚀" });
    let printed = json(&value).unwrap();
    assert_eq!(serde_json::from_str::<serde_json::Value>(&printed).unwrap(), value);
    assert!(printed.chars().all(|c| c == '\n' || !c.is_control()), "{printed:?}");
    assert!(!printed.contains('\u{202e}') && printed.contains("ünï🚀"), "{printed:?}");
}

#[test]
fn a_closed_output_is_an_error_and_no_panic() {
    struct Closed;
    impl Write for Closed {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let error = writeln(Closed, "x").unwrap_err();
    assert!(error.message().starts_with("failed to print: "), "{}", error.message());
}
