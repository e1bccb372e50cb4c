//! Whatever the file says, it is taken or refused in lines that name the file.

use std::path::Path;

use super::load::parse;
use crate::environment::Environment;

#[test]
fn any_file_is_taken_or_refused_in_one_line() {
    let environment = Environment::of([("HOME".to_owned(), "/home/ada".to_owned())]);
    bolero::check!().for_each(|file: &[u8]| {
        let text = String::from_utf8_lossy(file);
        if let Err(error) = parse(&text, Path::new("/etc/patchrelay.toml"), &environment) {
            for line in error.lines() {
                assert!(line.starts_with("/etc/patchrelay.toml:"), "{line}");
                assert_eq!(line.lines().count(), 1, "{line}");
                assert!(line.len() < 2_000, "{}", line.len());
            }
        }
    });
}
