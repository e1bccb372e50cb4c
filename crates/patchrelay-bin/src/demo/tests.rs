//! Tests. That the demo works as a whole is seen from outside, with the built program.

use std::fs;

use super::Place;

#[test]
fn a_kept_place_is_made_and_stays() {
    let directory = tempfile::tempdir().unwrap();
    let kept = directory.path().join("a/b");
    let place = Place::new(Some(&kept)).unwrap();
    assert!(place.path().is_absolute());
    fs::write(place.path().join("x"), "").unwrap();
    drop(place);
    assert!(kept.join("x").exists());
}

#[test]
fn a_temporary_place_goes_unless_it_is_kept() {
    let gone = Place::new(None).unwrap();
    let path = gone.path().to_owned();
    assert!(path.exists());
    drop(gone);
    assert!(!path.exists());
    let kept = Place::new(None).unwrap().keep();
    assert!(kept.exists());
    fs::remove_dir_all(kept).unwrap();
}

#[test]
fn a_place_of_somebody_else_is_refused_by_name() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("mine"), "").unwrap();
    let message =
        |path: &std::path::Path| Place::new(Some(path)).err().unwrap().message().to_owned();
    assert!(message(directory.path()).contains("is not empty: name another directory"));
    let file = directory.path().join("mine");
    let refused = message(&file);
    assert!(refused.contains(&format!("failed to use {}", file.display())), "{refused}");
}
