use super::*;

fn ready(id: &str, project: &str, priority: u8, since: i64) -> ReadyIssue {
    ReadyIssue {
        issue: IssueId::new("acme", id),
        project: ProjectId::new(project),
        run_type: RunType::Implementation,
        priority,
        since: Timestamp::from_millis(since),
    }
}

fn order(
    total: usize,
    running: &[(&str, usize)],
    limits: &[(&str, usize)],
    ready: &[ReadyIssue],
) -> Vec<String> {
    let map =
        |pairs: &[(&str, usize)]| pairs.iter().map(|(id, n)| (ProjectId::new(*id), *n)).collect();
    let limits = SlotLimits { total, per_project: map(limits) };
    schedule(&limits, &RunningCount(map(running)), ready)
        .into_iter()
        .map(|issue| issue.ticket.as_str().to_owned())
        .collect()
}

#[test]
fn the_urgent_goes_first_and_no_priority_last() {
    let ready = [ready("none", "a", 0, 1), ready("low", "a", 4, 2), ready("urgent", "a", 1, 3)];
    assert_eq!(order(9, &[], &[], &ready), ["urgent", "low", "none"]);
}

#[test]
fn among_equals_the_older_goes_first() {
    assert_eq!(
        order(9, &[], &[], &[ready("new", "a", 3, 9), ready("old", "a", 3, 1)]),
        ["old", "new"]
    );
}

#[test]
fn projects_take_turns_however_urgent_one_is() {
    let ready = [
        ready("a1", "a", 1, 1),
        ready("a2", "a", 1, 2),
        ready("b1", "b", 4, 3),
        ready("b2", "b", 4, 4),
    ];
    assert_eq!(order(9, &[], &[], &ready), ["a1", "b1", "a2", "b2"]);
    assert_eq!(order(9, &[("a", 2)], &[], &ready), ["b1", "b2", "a1", "a2"]);
}

#[test]
fn limits_hold_for_all_and_for_each() {
    let ready = [ready("a1", "a", 1, 1), ready("a2", "a", 1, 2), ready("b1", "b", 4, 3)];
    assert_eq!(order(2, &[], &[], &ready), ["a1", "b1"]);
    assert_eq!(order(9, &[], &[("a", 1)], &ready), ["a1", "b1"]);
    assert_eq!(order(9, &[("a", 1)], &[("a", 1)], &ready), ["b1"]);
    assert!(order(1, &[("c", 3)], &[], &ready).is_empty());
}
