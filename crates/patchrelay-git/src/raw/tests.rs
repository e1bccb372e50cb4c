use super::*;

const ZERO: &str = "0000000000000000000000000000000000000000";
const ONE: &str = "1111111111111111111111111111111111111111";
const TWO: &str = "2222222222222222222222222222222222222222";

fn side(mode: Mode, object: &str) -> Side {
    Side { mode, object: object.to_owned() }
}

#[test]
fn every_kind_of_difference_is_read() {
    let listing = format!(
        ":000000 100755 {ZERO} {ONE} A\0new\nline\0:120000 000000 {ONE} {ZERO} D\0:gone\0\
         :100644 100644 {ONE} {TWO} R087\0old\0new\0:160000 160000 {ONE} {TWO} M\0sub\0"
    );
    let read = parse(listing.as_bytes()).expect("it is understood");
    let paths: Vec<_> = read.iter().map(|it| String::from_utf8_lossy(&it.path)).collect();
    assert_eq!(paths, ["new\nline", ":gone", "new", "sub"]);
    assert_eq!(read[0].before, side(Mode::Nothing, ZERO));
    assert_eq!(read[0].after, side(Mode::Executable, ONE));
    assert_eq!(read[1].before, side(Mode::Link, ONE));
    assert_eq!(read[2].renamed_from, Some(b"old".to_vec()));
    assert_eq!(read[3].after, side(Mode::Submodule, TWO));
}

#[test]
fn commits_are_told_from_paths_that_look_like_them() {
    let listing = format!(
        "\u{1}c1 Second\0\n:100644 100644 {ONE} {TWO} M\0\u{1}c9 no commit\0\0\u{1}c0 First\0"
    );
    let read = parse_log(listing.as_bytes()).expect("it is understood");
    assert_eq!(read.len(), 2);
    assert_eq!((read[0].line.as_str(), read[1].line.as_str()), ("c1 Second", "c0 First"));
    assert_eq!(read[0].differences[0].path, b"\x01c9 no commit");
}

#[test]
fn what_is_no_listing_is_not_guessed_at() {
    for text in [
        "x",
        ":100644 100644 1 2 M\0a\0",
        &format!(":100644 999999 {ONE} {TWO} M\0a\0"),
        &format!(":100644 100644 {ONE} {TWO} M"),
    ] {
        assert!(parse(text.as_bytes()).is_err(), "{text}");
        assert!(parse_log(text.as_bytes()).is_err(), "{text}");
    }
}
