use super::*;

#[test]
fn what_a_forge_says_no_to_is_a_refusal() {
    for stderr in [
        "fatal: Authentication failed for 'https://github.com/acme/app.git/'",
        "fatal: could not read Username for 'https://github.com': terminal prompts disabled",
        "git@github.com: Permission denied (publickey).",
        "remote: Permission to acme/app.git denied to relay.",
        "fatal: unable to access 'https://x/': The requested URL returned error: 403",
        "fatal: repository 'https://github.com/acme/app.git/' not found",
        "ERROR: Repository not found.",
    ] {
        assert!(is_refusal(stderr), "{stderr}");
    }
}

#[test]
fn what_may_pass_is_no_refusal() {
    for stderr in [
        "fatal: unable to access 'https://x/': Could not resolve host: x",
        "fatal: unable to access 'https://x/': The requested URL returned error: 502",
        "fatal: the remote end hung up unexpectedly",
        "fatal: '/srv/app.git' does not appear to be a git repository",
        "ssh: connect to host github.com port 22: Connection timed out",
        "",
    ] {
        assert!(!is_refusal(stderr), "{stderr}");
    }
}

#[test]
fn words_are_bounded_and_cannot_steer_a_terminal() {
    assert_eq!(bounded(" a\u{1b}[31mb\n"), "a [31mb");
    let long = bounded(&format!("{}end", "x".repeat(10_000)));
    assert_eq!(long.chars().count(), MAX_WORDS + 1);
    assert!(long.starts_with('…') && long.ends_with("end"));
}
