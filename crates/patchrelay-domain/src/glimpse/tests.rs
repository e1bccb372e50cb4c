use super::*;
use crate::fixture::{delegated, running};

const SECRET: &str = "planted-secret-4711";

fn doing(object: &str) -> Glimpse {
    Glimpse::Doing { action: "Running", object: object.to_owned() }
}

fn planned(steps: &[&str]) -> Glimpse {
    let step = |content: &&str| PlanStep {
        content: (*content).to_owned(),
        status: PlanStatus::InProgress,
    };
    Glimpse::Planned { steps: steps.iter().map(step).collect() }
}

/// What is shown of these, as one line each.
fn shown(facts: &IssueFacts, run: &str, seen: impl IntoIterator<Item = Glimpse>) -> Vec<String> {
    let secrets = SecretPatterns::new([("TOKEN", SECRET)]).unwrap();
    let mut glimpses = Glimpses::default();
    seen.into_iter().for_each(|glimpse| glimpses.see(glimpse));
    let orders = glimpses.shown(facts, &RunId::new(run), &secrets);
    orders
        .iter()
        .map(|order| match order {
            OutboxOrder::Plan { steps, .. } => {
                steps.iter().map(|step| step.content.as_str()).collect::<Vec<_>>().join(", ")
            }
            OutboxOrder::Activity {
                content: ActivityContent::Action { action, parameter },
                ephemeral: true,
                urgent: false,
                ..
            } => format!("{action} {parameter}"),
            other => panic!("{other:?}"),
        })
        .collect()
}

#[test]
fn the_newest_command_and_plan_are_shown() {
    let seen = [doing("ls"), planned(&["Look"]), doing("make test"), planned(&["Write", "Test"])];
    assert_eq!(
        shown(&running(), "r1", seen),
        ["Prepare the workspace, Write, Test, Verify, Merge", "Running `make test`"]
    );
    assert!(Glimpses::default().is_empty());
    assert!(shown(&running(), "r1", []).is_empty());
}

#[test]
fn nothing_is_shown_of_a_run_that_has_not_the_issue() {
    assert!(shown(&running(), "r0", [doing("ls")]).is_empty());
    assert!(shown(&delegated(), "r1", [doing("ls"), planned(&["Look"])]).is_empty());
}

#[test]
fn what_an_agent_says_of_itself_is_bounded_and_quoted() {
    let long = "x".repeat(1_000);
    let many: Vec<&str> = std::iter::repeat_n(long.as_str(), 100).collect();
    let lines = shown(&running(), "r1", [doing("a`b\n@everyone"), planned(&many)]);
    assert_eq!(lines[1], "Running `a'b @everyone`");
    assert_eq!(lines[0].matches("characters left out").count(), MAX_STEPS);
    assert!(shown(&running(), "r1", [doing(&long)])[0].len() < MAX_OBJECT + 50);
}

#[test]
fn a_secret_is_not_shown() {
    let lines =
        shown(&running(), "r1", [doing(&format!("echo {SECRET}")), planned(&["Look", SECRET])]);
    assert_eq!(lines, ["Prepare the workspace, Look, Verify, Merge"]);
}
