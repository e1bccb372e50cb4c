//! Tests.

use secrecy::ExposeSecret as _;

use super::DatabaseUrl;

fn url(written: &str) -> DatabaseUrl {
    serde_json::from_value(written.into()).unwrap()
}

#[test]
fn a_password_is_shown_nowhere() {
    for (written, shown) in [
        ("postgres://me:hunter2@db.test:5433/app", "postgres://***@db.test:5433/app"),
        ("postgresql://me@db.test/app", "postgresql://***@db.test/app"),
        ("postgres://db.test/app?user=me&password=hunter2", "postgres://db.test/app?***"),
        ("postgres:///app?host=/run/postgresql&password=hunter2", "postgres:///app?***"),
        // Not written as they should be, so that nobody can tell which part is the password.
        ("postgres://me:hunter2/x@db.test/app", "(set)"),
        ("postgres://me:22/hunter2@db.test/app", "(set)"),
        ("postgres://me:22#hunter2@db.test/app", "(set)"),
        ("me:hunter2@db.test/app", "(set)"),
        ("mysql://me:hunter2@db.test/app", "(set)"),
        // No secret at all.
        ("postgres://db.test/app", "postgres://db.test/app"),
        ("sqlite:///var/lib/x.db", "sqlite:///var/lib/x.db"),
    ] {
        let url = url(written);
        assert_eq!(format!("{url:?}"), shown, "{written}");
        assert_eq!(serde_json::to_value(&url).unwrap(), shown, "{written}");
    }
}

#[test]
fn a_password_is_known_in_every_form() {
    for (written, expected) in [
        ("postgres://me:hunter2@db.test:5433/app", &["hunter2"][..]),
        ("postgres://me:a%2Fb+c@db.test/app", &["a%2Fb+c", "a/b+c"]),
        ("postgres://db.test/app?user=me&password=a%26b", &["a&b"]),
        ("me hunter2", &["me hunter2"]),
        ("postgres://me@db.test/app", &[]),
        ("sqlite:///var/lib/x.db", &[]),
    ] {
        let passwords = url(written).passwords();
        let passwords: Vec<_> = passwords.iter().map(|text| text.expose_secret()).collect();
        assert_eq!(passwords, expected, "{written}");
    }
}
