use super::*;

#[test]
fn what_hides_is_spelled_out() {
    assert_eq!(
        visible("a\u{202e}b\u{200b}c\u{e0041}d\r\n\te\u{1b}[31m"),
        "a<U+202E>b<U+200B>c<U+E0041>d<U+000D>\n\te<U+001B>[31m"
    );
    assert_eq!(visible("Grüße, 你好 🎉"), "Grüße, 你好 🎉");
}

#[test]
fn a_cut_says_what_is_missing() {
    assert_eq!(capped("äbc", 3), "äbc");
    assert_eq!(capped("äbcd", 3), "äbc… (1 characters left out)");
}

#[test]
fn a_line_stays_one_line() {
    assert_eq!(single_line("a\nb\u{2028}c \u{7} d", 100), "a b c d");
}

#[test]
fn every_line_of_a_quotation_is_quoted() {
    assert_eq!(quoted("a\n\nb", 100), "> a\n> \n> b");
}
