//! Tests.

use std::path::Path;

use super::read_text;

fn written(bytes: &[u8]) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), bytes).unwrap();
    file
}

#[test]
fn a_file_is_read_up_to_the_bound() {
    let file = written(b"12345678");
    assert_eq!(read_text(file.path(), 8).unwrap(), "12345678");
    let error = read_text(file.path(), 7).unwrap_err().to_string();
    assert_eq!(error, "it has more than 7 bytes");
}

/// Such a file says that it is empty, and never ends.
#[test]
fn what_has_no_size_is_bounded_too() {
    let error = read_text(Path::new("/dev/zero"), 1_000).unwrap_err().to_string();
    assert_eq!(error, "it has more than 1000 bytes");
}

#[test]
fn what_is_no_text_is_not_shown() {
    let file = written(b"s3cret\xff");
    let error = read_text(file.path(), 100).unwrap_err();
    assert!(!format!("{error} {error:?}").contains("s3cret"), "{error:?}");
}

#[test]
fn a_directory_is_no_file() {
    let directory = tempfile::tempdir().unwrap();
    read_text(directory.path(), 100).unwrap_err();
}
