use super::*;

fn project(id: &str) -> Project {
    Project {
        id: ProjectId::new(id),
        repo: "acme/app".parse().unwrap(),
        base_branch: None,
        branch_prefix: id.to_owned(),
        linear_teams: Vec::new(),
        linear_projects: Vec::new(),
        issue_key_prefixes: Vec::new(),
        labels: Vec::new(),
        trusted: crate::TrustedActors::default(),
        budgets: Budgets::default(),
        limits: Limits::default(),
        protected_paths: Vec::new(),
        publisher: crate::prompt::Publisher::Harness,
        draft: false,
        network: false,
        gate_checks: vec!["Gate".to_owned()],
        merge_queue_check: "Queue".to_owned(),
        trust_hook: false,
        max_concurrent_runs: 4,
    }
}

fn hint(key: &str) -> RouteHint {
    RouteHint {
        key: Some(key.to_owned()),
        team: vec!["APP".to_owned(), "team-1".to_owned()],
        ..RouteHint::default()
    }
}

#[test]
fn a_ticket_goes_to_the_one_project_that_claims_it() {
    let by_prefix = Project { issue_key_prefixes: vec!["APP".to_owned()], ..project("a") };
    let by_team = Project { linear_teams: vec!["app".to_owned()], ..project("b") };
    assert_eq!(route(std::slice::from_ref(&by_prefix), &hint("APP-1")), Route::To(&by_prefix));
    assert_eq!(route(std::slice::from_ref(&by_team), &hint("X-1")), Route::To(&by_team));
    assert_eq!(route(&[project("c")], &hint("APP-1")), Route::Nowhere);
    assert_eq!(
        route(&[by_prefix.clone(), by_team.clone()], &hint("APP-1")),
        Route::Ambiguous(vec![&by_prefix, &by_team])
    );
}

#[test]
fn a_prefix_is_the_whole_part_before_the_dash() {
    let app = Project { issue_key_prefixes: vec!["APP".to_owned()], ..project("a") };
    let only_key = RouteHint { key: Some("APPLE-1".to_owned()), ..RouteHint::default() };
    assert_eq!(route(std::slice::from_ref(&app), &only_key), Route::Nowhere);
}

#[test]
fn a_wanted_label_is_needed_once_labels_are_known() {
    let app = Project {
        issue_key_prefixes: vec!["APP".to_owned()],
        labels: vec!["relay".to_owned()],
        ..project("a")
    };
    let with = |labels: &[&str]| RouteHint {
        labels: Some(labels.iter().map(|label| (*label).to_owned()).collect()),
        ..hint("APP-1")
    };
    assert_eq!(route(std::slice::from_ref(&app), &with(&["Relay"])), Route::To(&app));
    assert_eq!(route(std::slice::from_ref(&app), &with(&["other"])), Route::Nowhere);
    assert_eq!(route(std::slice::from_ref(&app), &hint("APP-1")), Route::To(&app));
}

#[test]
fn a_place_may_be_named_by_each_of_its_names() {
    for name in ["Mobile", "mobile", "project-7"] {
        let by_place = Project { linear_projects: vec![name.to_owned()], ..project("a") };
        let at = |place: Option<Vec<String>>| RouteHint { tracker_project: place, ..hint("X-1") };
        let mobile = Some(vec!["Mobile".to_owned(), "project-7".to_owned()]);
        assert_eq!(route(std::slice::from_ref(&by_place), &at(mobile)), Route::To(&by_place));
        assert_eq!(route(std::slice::from_ref(&by_place), &at(Some(Vec::new()))), Route::Nowhere);
    }
}

/// Otherwise a ticket would go to one of two projects that claim it, by what was known first.
#[test]
fn a_ticket_that_was_not_read_is_routed_only_when_reading_it_could_change_nothing() {
    let by_team = Project { linear_teams: vec!["APP".to_owned()], ..project("a") };
    let by_place = Project { linear_projects: vec!["Mobile".to_owned()], ..project("b") };
    let by_label = Project { labels: vec!["relay".to_owned()], ..by_team.clone() };
    let unread = |projects: &[Project], hint: &RouteHint| {
        route_unread(projects, hint).map(|project| project.id.clone())
    };
    let found = Some(ProjectId::new("a"));
    assert_eq!(unread(std::slice::from_ref(&by_team), &hint("X-1")), found);
    assert_eq!(unread(&[by_team.clone(), by_place.clone()], &hint("X-1")), None);
    assert_eq!(unread(std::slice::from_ref(&by_label), &hint("X-1")), None);
    let read = RouteHint {
        tracker_project: Some(Vec::new()),
        labels: Some(vec!["relay".to_owned()]),
        ..hint("X-1")
    };
    assert_eq!(unread(&[by_label, by_place], &read), found);
    assert_eq!(unread(&[project("c")], &hint("X-1")), None);
}

#[test]
fn the_gate_and_the_queue_are_those_of_the_project() {
    let policy = crate::Policy::of(&project("app"));
    assert!(policy.is_gate_check("gate ") && !policy.is_gate_check("Tests"));
    assert!(policy.is_queue_check("queue") && !policy.is_queue_check("merge-steward/queue"));
}
