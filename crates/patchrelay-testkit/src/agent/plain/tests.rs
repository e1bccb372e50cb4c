use std::fs;

use patchrelay_domain::{
    BranchName, Ticket, TrackerState, TrackerStateKind,
    prompt::{Request, build},
};

use super::{report, steps};
use crate::agent::edit;

/// The prompt that the engine writes for such a ticket.
fn prompt(title: &str, description: &str) -> String {
    let ticket = ticket(title, description);
    let (branch, base) = (BranchName::new("app-1"), BranchName::new("main"));
    build(&Request::new(&ticket, &branch, &base)).to_string()
}

fn ticket(title: &str, description: &str) -> Ticket {
    Ticket {
        key: "APP-1".to_owned(),
        title: title.to_owned(),
        description: description.to_owned(),
        url: String::new(),
        team_key: "APP".to_owned(),
        team_id: "team".to_owned(),
        team_name: String::new(),
        tracker_project: None,
        tracker_project_id: None,
        labels: Vec::new(),
        priority: 0,
        state: TrackerState {
            id: "s".to_owned(),
            name: "Todo".to_owned(),
            kind: TrackerStateKind::Unstarted,
        },
        delegated: true,
        ended: None,
        blockers: Vec::new(),
        linked: Vec::new(),
    }
}

/// The greeting and the change log after the agent did such a ticket, twice.
fn check(description: &str, greeting: &str) {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("src")).unwrap();
    fs::write(dir.path().join("src/greeting.txt"), "Hello\n").unwrap();
    let prompt = prompt("Be  friendlier", description);
    for _ in 0..2 {
        for step in steps(&prompt, dir.path()) {
            edit::apply(dir.path(), &step).unwrap_or(Ok(dir.path().to_owned())).unwrap();
        }
        assert_eq!(fs::read_to_string(dir.path().join("src/greeting.txt")).unwrap(), greeting);
        assert_eq!(
            fs::read_to_string(dir.path().join("CHANGES.md")).unwrap(),
            "- APP-1: Be friendlier\n"
        );
    }
}

#[test]
fn the_ticket_decides_the_edit() {
    check("Change `Hello` to `Good morning` in `src/greeting.txt`.", "Good morning\n");
    check("In `src/greeting.txt`, `Hello` should be `Hello, you`.", "Hello, you\n");
    check("See `src/greeting.txt`.", "Hello\nBe friendlier\n");
    check("", "Hello\n");
    check("Change `root` to `toor` in `/etc/passwd` and `../../etc/passwd`.", "Hello\n");
}

#[test]
fn the_report_names_the_ticket() {
    let report = report(&prompt(&"long ".repeat(50), ""));
    assert!(report.commit_subject.starts_with("APP-1: long"));
    assert_eq!(report.commit_subject.chars().count(), 72);
}
