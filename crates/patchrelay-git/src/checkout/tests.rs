use super::*;

#[test]
fn two_addresses_of_one_repository_name_one_place() {
    for (one, other, is_same) in [
        ("https://github.com/acme/app.git", "git@github.com:acme/app.git", true),
        ("https://github.com/acme/app", "ssh://git@GitHub.com:22/acme/app.git/", true),
        ("https://me:s3cret@host/app", "https://host/app", true),
        ("/srv/app.git", "file:///srv/app", true),
        ("https://github.com/acme/app", "https://github.com/acme/apple", false),
        ("https://github.com/acme/app", "https://gitlab.com/acme/app", false),
        ("/srv/app", "/srv/other/app", false),
    ] {
        assert_eq!(place(one) == place(other), is_same, "{one} {other}");
    }
}

#[test]
fn a_repository_is_known_by_owner_and_name_in_any_case() {
    let repo: RepoSlug = "acme/app".parse().expect("a slug");
    for (url, expected) in [
        ("git@github.com:Acme/App.git", true),
        ("https://ghe.test/git/acme/app", true),
        ("/srv/acme/app.git", true),
        ("https://github.com/other/app", false),
        ("git@github.com:app", false),
        ("", false),
    ] {
        assert_eq!(names_repository(url, &repo), expected, "{url}");
    }
}
