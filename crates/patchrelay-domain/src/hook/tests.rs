use super::*;
use crate::{Charge, charge};

fn failed(output: &str) -> HookEnd {
    HookEnd::Failed { status: "exit status: 1".to_owned(), output: output.to_owned() }
}

/// The reason with which a run is given up.
fn reason(end: &HookEnd, tries: u32, secrets: &SecretPatterns) -> String {
    match after_hook(end, tries, secrets) {
        AfterHook::GiveUp(RunOutcome::Failed { reason }) => reason,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_hook_is_tried_three_times_and_one_that_is_late_is_not() {
    let none = SecretPatterns::default();
    assert_eq!(after_hook(&HookEnd::Done, 1, &none), AfterHook::Begin);
    for tries in [1, 2] {
        let AfterHook::TryAgain { after, line } = after_hook(&failed("no network"), tries, &none)
        else {
            panic!("try {tries}")
        };
        assert_eq!(after, Duration::from_secs(2));
        let expected =
            format!("the prepare hook ended with exit status: 1: no network (try {tries} of 3)");
        assert_eq!((line.level, line.text), (FeedLevel::Warn, expected));
    }
    let told = "the prepare hook ended with exit status: 1: no network";
    assert_eq!(reason(&failed("no network"), 3, &none), told);
    let late = HookEnd::Late { after: Duration::from_secs(600), output: String::new() };
    assert_eq!(reason(&late, 1, &none), "the prepare hook was ended after 600 s: no output");
}

/// Promise 3: the work does not pay for its surroundings.
#[test]
fn a_hook_that_fails_costs_no_attempt() {
    let AfterHook::GiveUp(outcome) = after_hook(&failed(""), 3, &SecretPatterns::default()) else {
        panic!("it is given up")
    };
    assert_eq!(charge(&outcome), Charge::Recovery);
    assert!(outcome.is_lost(), "another run goes on");
}

#[test]
fn the_end_of_what_a_hook_printed_is_told_and_a_secret_is_not() {
    let secrets = SecretPatterns::new([("TOKEN", "s3cret-token")]).expect("patterns");
    let long = format!("{}\nthe\tlast words\u{1b}[0m\n", "first words ".repeat(1_000));
    let told = reason(&failed(&long), 3, &secrets);
    assert!(told.contains(": …") && told.contains("the last words"), "{told}");
    assert!(!told.contains(['\n', '\u{1b}']) && told.chars().count() < 250, "{told:?}");
    let told = reason(&failed("GET /?key=s3cret-token\n"), 3, &secrets);
    assert!(told.ends_with("(its output is withheld: it contains a secret)"), "{told}");
}
