use super::*;

#[test]
fn a_version_is_read_whatever_stands_behind_it() {
    for (said, version) in [
        ("git version 2.47.3", Some((2, 47))),
        ("git version 2.39.5 (Apple Git-154)", Some((2, 39))),
        ("git version 2.31", Some((2, 31))),
        ("git version 3.0.rc1", Some((3, 0))),
        ("git version two", None),
        ("hub version 2.14", None),
        ("", None),
    ] {
        assert_eq!(read(said), version, "{said}");
    }
}

#[tokio::test]
async fn the_git_of_the_path_is_asked() {
    let env = [("PATH".to_owned(), "/usr/local/bin:/usr/bin:/bin".to_owned())];
    let (said, version) = git_version(&env).await.unwrap();
    assert!(said.starts_with("git version ") && Some(OLDEST_GIT) <= version, "{said}");
    let nowhere = [("PATH".to_owned(), "/nowhere".to_owned())];
    assert!(git_version(&nowhere).await.is_err());
}
