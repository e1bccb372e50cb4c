use super::*;

#[test]
fn the_space_of_a_directory_is_that_of_its_disk_even_before_it_is_made() {
    let directory = tempfile::tempdir().unwrap();
    let there = free_at(directory.path()).unwrap();
    assert_ne!(there, 0);
    // Others write to the same disk meanwhile, but not most of what is free.
    assert_ne!(free_at(&directory.path().join("not/yet/made")).unwrap(), 0);
    free_at(Path::new("")).unwrap_err();
}
