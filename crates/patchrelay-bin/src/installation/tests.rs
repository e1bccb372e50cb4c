//! Tests.

use std::fs;

use patchrelay::ports::Ids;

use super::Installation;

struct Chosen(&'static str);

impl Ids for Chosen {
    fn sortable(&self) -> String {
        self.0.to_owned()
    }

    fn random(&self) -> String {
        self.0.to_owned()
    }
}

fn name(data: &std::path::Path, chance: &'static str) -> String {
    Installation::take(data, &Chosen(chance)).unwrap().name().to_string()
}

#[test]
fn an_installation_keeps_its_name() {
    let data = tempfile::tempdir().unwrap();
    let first = name(data.path(), "11111111-x");
    assert!(first.ends_with("-11111111"), "{first}");
    assert_eq!(name(data.path(), "22222222-x"), first);
    let other = tempfile::tempdir().unwrap();
    assert_ne!(name(other.path(), "22222222-x"), first);
}

#[test]
fn a_name_that_was_cut_short_is_made_anew() {
    let data = tempfile::tempdir().unwrap();
    for left in ["", "web-1", "\0\0\0\n", "a b\n"] {
        fs::write(data.path().join("node"), left).unwrap();
        let made = name(data.path(), "33333333-x");
        assert!(made.ends_with("-33333333"), "{left:?}: {made}");
        assert_eq!(fs::read_to_string(data.path().join("node")).unwrap(), format!("{made}\n"));
    }
}

#[test]
fn an_installation_is_one_process() {
    let data = tempfile::tempdir().unwrap();
    let first = Installation::take(data.path(), &Chosen("1")).unwrap();
    let refused = Installation::take(data.path(), &Chosen("2")).unwrap_err().to_string();
    assert!(refused.starts_with("another serve uses the data directory"), "{refused}");
    drop(first);
    Installation::take(data.path(), &Chosen("2")).unwrap();
}
