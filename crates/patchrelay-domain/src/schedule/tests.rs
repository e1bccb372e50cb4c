use proptest::prelude::*;

use super::*;

/// The instant at which the tables ask. Nothing in them waited for long.
const NOW: Timestamp = Timestamp::from_millis(10);

fn ready(id: &str, project: &str, priority: u8, since: i64) -> ReadyIssue {
    ReadyIssue {
        issue: IssueId::new("acme", id),
        project: ProjectId::new(project),
        run_type: RunType::Implementation,
        priority,
        since: Timestamp::from_millis(since),
    }
}

fn repair(id: &str, project: &str, priority: u8, since: i64) -> ReadyIssue {
    ReadyIssue { run_type: RunType::CiRepair, ..ready(id, project, priority, since) }
}

fn limits(total: usize, per_project: &[(&str, usize)]) -> SlotLimits {
    let per_project = per_project.iter().map(|(id, n)| (ProjectId::new(*id), *n)).collect();
    SlotLimits { total, per_project, starts_per_hour: STARTS_PER_HOUR }
}

/// Active implementations and repairs, and the starts of the last hour, per project.
fn load(projects: &[(&str, usize, usize, usize)]) -> Load {
    let mut load = Load::default();
    for (id, implementations, repairs, started) in projects {
        let active = ActiveRuns { implementations: *implementations, repairs: *repairs };
        load.active.insert(ProjectId::new(*id), active);
        load.started_last_hour.insert(ProjectId::new(*id), *started);
    }
    load
}

fn order_at(now: Timestamp, limits: &SlotLimits, load: &Load, ready: &[ReadyIssue]) -> Vec<String> {
    let order = schedule(limits, load, now, ready);
    order.into_iter().map(|issue| issue.ticket.as_str().to_owned()).collect()
}

fn order(limits: &SlotLimits, load: &Load, ready: &[ReadyIssue]) -> Vec<String> {
    order_at(NOW, limits, load, ready)
}

#[test]
fn nothing_starts_while_something_is_in_the_way_of_everything() {
    let hindrance = Some(Hindrance::LittleSpace { free: 1, needed: 2 });
    let hindered = Load { hindrance, ..Load::default() };
    let ready = [ready("urgent", "a", 1, 3)];
    assert_eq!(order(&limits(9, &[]), &hindered, &ready), [""; 0]);
    assert_eq!(order(&limits(9, &[]), &Load::default(), &ready), ["urgent"]);
}

#[test]
fn the_urgent_goes_first_and_no_priority_last() {
    let ready = [ready("none", "a", 0, 1), ready("low", "a", 4, 2), ready("urgent", "a", 1, 3)];
    assert_eq!(order(&limits(9, &[]), &load(&[]), &ready), ["urgent", "low", "none"]);
}

#[test]
fn among_equals_the_older_goes_first() {
    let ready = [ready("new", "a", 3, 9), ready("old", "a", 3, 1)];
    assert_eq!(order(&limits(9, &[]), &load(&[]), &ready), ["old", "new"]);
}

#[test]
fn every_repair_goes_before_every_implementation() {
    let repairs =
        [RunType::ReviewFix, RunType::CiRepair, RunType::QueueRepair, RunType::BranchUpkeep];
    for run_type in repairs {
        let ready =
            [ready("new work", "a", 1, 1), ReadyIssue { run_type, ..ready("repair", "b", 0, 9) }];
        let busy = load(&[("b", 1, 1, 9)]);
        assert_eq!(order(&limits(9, &[]), &busy, &ready), ["repair", "new work"], "{run_type:?}");
    }
}

#[test]
fn projects_take_turns_however_urgent_one_is() {
    let ready = [
        ready("a1", "a", 1, 1),
        ready("a2", "a", 1, 2),
        ready("b1", "b", 4, 3),
        ready("b2", "b", 4, 4),
    ];
    let limits = limits(9, &[]);
    assert_eq!(order(&limits, &load(&[]), &ready), ["a1", "b1", "a2", "b2"]);
    assert_eq!(order(&limits, &load(&[("a", 2, 0, 0)]), &ready), ["b1", "b2", "a1", "a2"]);
    assert_eq!(order(&limits, &load(&[("a", 1, 1, 0)]), &ready), ["b1", "b2", "a1", "a2"]);
    // One slot leaves nobody active when it is given: then it is the turn of who started less.
    assert_eq!(order(&limits, &load(&[("a", 0, 0, 2)]), &ready), ["b1", "a1", "b2", "a2"]);
    let repairs = ready.map(|issue| ReadyIssue { run_type: RunType::QueueRepair, ..issue });
    assert_eq!(order(&limits, &load(&[("a", 2, 0, 0)]), &repairs), ["b1", "b2", "a1", "a2"]);
}

#[test]
fn limits_hold_for_all_and_for_each() {
    let ready = [ready("a1", "a", 1, 1), ready("a2", "a", 1, 2), ready("b1", "b", 4, 3)];
    let idle = load(&[]);
    assert_eq!(order(&limits(3, &[]), &idle, &ready), ["a1", "b1"]);
    assert_eq!(order(&limits(9, &[("a", 1)]), &idle, &ready), ["a1", "b1"]);
    assert_eq!(order(&limits(9, &[("a", 1)]), &load(&[("a", 1, 0, 0)]), &ready), ["b1"]);
    assert_eq!(order(&limits(9, &[("a", 1)]), &load(&[("a", 0, 1, 0)]), &ready), ["b1"]);
    assert!(order(&limits(1, &[]), &load(&[("c", 3, 0, 0)]), &ready).is_empty());
    assert!(order(&limits(0, &[]), &idle, &ready).is_empty());
}

#[test]
fn implementations_leave_one_slot_to_repairs() {
    let both = [ready("i1", "a", 1, 1), ready("i2", "b", 1, 2), repair("r1", "a", 0, 3)];
    let implementations = &both[..2];
    for (total, load, ready, expected) in [
        (1, load(&[]), implementations, vec!["i1"]),
        (2, load(&[]), implementations, vec!["i1"]),
        (2, load(&[("c", 1, 0, 0)]), implementations, vec![]),
        (2, load(&[("c", 1, 0, 0)]), &both, vec!["r1"]),
        // The repair that is active has the slot that was kept.
        (2, load(&[("c", 0, 1, 0)]), implementations, vec!["i1"]),
        (3, load(&[("c", 2, 0, 0)]), implementations, vec![]),
        // Repairs may use all.
        (2, load(&[("c", 0, 1, 0)]), &both, vec!["r1"]),
    ] {
        assert_eq!(order(&limits(total, &[]), &load, ready), expected, "{total}, {load:?}");
    }
}

#[test]
fn a_project_that_starts_without_end_is_stopped_and_the_others_are_not() {
    let ready = [repair("a1", "a", 1, 1), repair("a2", "a", 1, 2), repair("b1", "b", 4, 3)];
    let limits = limits(9, &[]);
    assert_eq!(order(&limits, &load(&[("a", 0, 0, 60)]), &ready), ["b1"]);
    assert_eq!(order(&limits, &load(&[("a", 0, 0, 59)]), &ready), ["b1", "a1"]);
}

#[test]
fn who_waited_for_an_hour_goes_first_but_not_into_the_kept_slot() {
    let hour = Timestamp::from_millis(0).plus(PATIENCE).millis();
    let ready = [
        ready("patient", "a", 0, 1),
        repair("repair", "b", 1, hour),
        ready("urgent", "b", 1, hour),
        ready("most patient", "a", 0, 0),
    ];
    let at = |millis| Timestamp::from_millis(millis);
    let (all, busy) = (limits(9, &[]), load(&[("a", 1, 0, 9)]));
    assert_eq!(
        order_at(at(hour - 1), &all, &busy, &ready),
        ["repair", "urgent", "most patient", "patient"]
    );
    assert_eq!(
        order_at(at(hour), &all, &busy, &ready),
        ["most patient", "repair", "urgent", "patient"]
    );
    assert_eq!(
        order_at(at(hour + 1), &all, &busy, &ready),
        ["most patient", "patient", "repair", "urgent"]
    );
    assert_eq!(order_at(at(hour + 1), &limits(2, &[]), &busy, &ready), ["repair"]);
}

/// What may happen between two calls: time passes, one run ends, issues become ready.
#[derive(Clone, Debug)]
struct Round {
    minutes: i64,
    ends: usize,
    arrivals: Vec<(usize, usize, u8)>,
}

const PROJECTS: [&str; 3] = ["a", "b", "c"];
const RUN_TYPES: [RunType; 5] = [
    RunType::Implementation,
    RunType::ReviewFix,
    RunType::CiRepair,
    RunType::QueueRepair,
    RunType::BranchUpkeep,
];

fn round() -> impl Strategy<Value = Round> {
    let arrival = (0..PROJECTS.len(), 0..RUN_TYPES.len(), 0_u8..5);
    (1_i64..15, 0_usize..8, prop::collection::vec(arrival, 0..4))
        .prop_map(|(minutes, ends, arrivals)| Round { minutes, ends, arrivals })
}

/// What the limits say, told a second time and from the list of runs.
fn is_allowed(
    limits: &SlotLimits,
    active: &[(ProjectId, RunType)],
    starts: usize,
    of: &ReadyIssue,
) -> bool {
    let is_new = |run_type| run_type == RunType::Implementation;
    let new = active.iter().filter(|(_, run_type)| is_new(*run_type)).count();
    let here = active.iter().filter(|(project, _)| *project == of.project).count();
    active.len() < limits.total
        && (limits.total < 2 || !is_new(of.run_type) || new + 1 < limits.total)
        && limits.per_project.get(&of.project).is_none_or(|limit| here < *limit)
        && starts < limits.starts_per_hour
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(100) })]

    #[test]
    fn nobody_starves_whatever_keeps_arriving(
        rounds in prop::collection::vec(round(), 40..120),
        total in 1_usize..5,
        limit_of_a in 1_usize..3,
        starts_per_hour in 3_usize..8,
    ) {
        let limits = SlotLimits {
            total,
            per_project: HashMap::from([(ProjectId::new("a"), limit_of_a)]),
            starts_per_hour,
        };
        let mut now = Timestamp::from_millis(0);
        let mut active: Vec<(ProjectId, RunType)> = Vec::new();
        let mut started: Vec<(ProjectId, Timestamp)> = Vec::new();
        // Each with how many were ready no later than it, and how many starts it had to let pass: before it was
        // overdue, and since.
        let mut waiting: Vec<(ReadyIssue, usize, usize, usize)> = Vec::new();
        let mut arrived = 0;
        for round in rounds {
            now = now.plus(Duration::from_secs(60 * round.minutes.unsigned_abs()));
            if !active.is_empty() {
                active.remove(round.ends % active.len());
            }
            let ahead = waiting.len() + round.arrivals.len() - 1.min(round.arrivals.len());
            for (project, run_type, priority) in round.arrivals {
                let issue = ready(&format!("{arrived:04}"), PROJECTS[project], priority, now.millis());
                waiting.push((ReadyIssue { run_type: RUN_TYPES[run_type], ..issue }, ahead, 0, 0));
                arrived += 1;
            }

            started.retain(|(_, at)| now.since(*at) < PATIENCE);
            let starts = |started: &[(ProjectId, Timestamp)], of: &ProjectId| {
                started.iter().filter(|(project, _)| project == of).count()
            };
            let mut load = Load::default();
            for (project, run_type) in &active {
                let runs = load.active.entry(project.clone()).or_default();
                if *run_type == RunType::Implementation { runs.implementations += 1 } else { runs.repairs += 1 }
            }
            for project in PROJECTS.map(ProjectId::new) {
                load.started_last_hour.insert(project.clone(), starts(&started, &project));
            }
            let ready: Vec<_> = waiting.iter().map(|(issue, ..)| issue.clone()).collect();
            for next in schedule(&limits, &load, now, &ready) {
                let place = waiting.iter().position(|(issue, ..)| issue.issue == next).expect("it waits");
                let (next, ..) = waiting.remove(place);
                prop_assert!(is_allowed(&limits, &active, starts(&started, &next.project), &next));
                for (issue, ahead, early, late) in &mut waiting {
                    if is_allowed(&limits, &active, starts(&started, &issue.project), issue) {
                        let is_overdue = PATIENCE <= now.since(issue.since);
                        if is_overdue { *late += 1 } else { *early += 1 }
                        prop_assert!(*early <= PROJECTS.len() * starts_per_hour, "{issue:?}");
                    }
                    prop_assert!(*late <= *ahead, "{issue:?} let {late} pass, {ahead} were ready before");
                }
                active.push((next.project.clone(), next.run_type));
                started.push((next.project, now));
            }
            // No slot stays free that somebody may use.
            for (issue, ..) in &waiting {
                prop_assert!(!is_allowed(&limits, &active, starts(&started, &issue.project), issue));
            }
        }
    }
}

#[test]
fn active_runs_are_counted_by_what_they_are_for() {
    let mut active = ActiveRuns::default();
    for run_type in RunType::ALL {
        active.add(run_type);
    }
    assert_eq!(active, ActiveRuns { implementations: 1, repairs: 4 });
    assert_eq!(PATIENCE, Duration::from_secs(3_600));
}
