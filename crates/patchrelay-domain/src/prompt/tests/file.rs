//! Previews: a prompt's input as a file.

use std::error::Error;

use super::*;

const EXAMPLE: &str = r###"{
  "ticket": { "key": "APP-1", "title": "Wish a good night", "description": "Please.\n\n## Done when\n\n- it works" },
  "branch": "patchrelay/APP-1-wish-a-good-night",
  "base_branch": "trunk",
  "publisher": "harness",
  "network": false,
  "wake": "settled_red_ci",
  "work": {
    "run_type": "ci_repair",
    "gate_check": "verify",
    "failing_head": "1111111111111111111111111111111111111111",
    "failed_check": "test",
    "failed_step": "cargo test",
    "annotations": ["src/greeting.rs:12: assertion failed"],
    "other_failed": [{ "name": "lint", "summary": "2 warnings" }]
  },
  "pull_request": { "number": 7, "checks": "failure", "freshness": "fresh" },
  "session": { "instruction": { "text": "Begin with the tests.", "author": "ada", "trust": "member" } },
  "inputs": [{ "kind": "followup_comment", "text": "In German, too." }],
  "earlier": { "left_by": "other_thread", "rescue": "refs/patchrelay/rescue/1/2", "dirty": ["src/greeting.rs"] },
  "workflow": { "name": "IMPLEMENTATION_WORKFLOW.md", "text": "Run `make check`." }
}"###;

#[test]
fn a_file_gives_the_prompt_of_its_request() {
    let file: PromptFile = serde_json::from_str(EXAMPLE).unwrap();
    insta::assert_snapshot!(build(&file.request()));
    let again = serde_json::to_string(&file).unwrap();
    assert_eq!(serde_json::from_str::<PromptFile>(&again).unwrap(), file);
}

#[test]
fn only_ticket_and_branches_are_needed() {
    let file: PromptFile =
        serde_json::from_str(r#"{"ticket":{"key":"A-1"},"branch":"a","base_branch":"b"}"#).unwrap();
    let prompt = build(&file.request());
    assert!(prompt.section(SectionKind::FollowUp).is_none());
    assert!(prompt.to_string().contains("Complete A-1"));
}

/// Each place in which a field could be misspelled.
#[test]
fn unknown_fields_are_errors_everywhere() {
    for place in [
        "{\n  \"ticket\"",
        "\"key\"",
        "\"gate_check\"",
        "\"number\"",
        "\"instruction\"",
        "\"text\": \"Begin",
        "\"kind\"",
        "\"rescue\"",
        "\"name\": \"lint\"",
        "\"name\": \"IMPL",
    ] {
        assert!(EXAMPLE.contains(place), "{place}");
        let name = place.strip_prefix("{\n  ");
        let misspelled = match name {
            Some(name) => format!("{{ \"mistake\": 1, {name}"),
            None => format!("\"mistake\": 1, {place}"),
        };
        let error = serde_json::from_str::<PromptFile>(&EXAMPLE.replacen(place, &misspelled, 1))
            .expect_err(place)
            .to_string();
        assert!(error.contains("unknown field `mistake`"), "{place}: {error}");
    }
}

#[test]
fn a_context_is_read_for_its_run_type() {
    let types = [
        RunType::Implementation,
        RunType::ReviewFix,
        RunType::CiRepair,
        RunType::QueueRepair,
        RunType::BranchUpkeep,
    ];
    for run_type in types {
        assert_eq!(Work::bare(run_type).run_type(), run_type);
        match (run_type, Work::read(run_type, "{}")) {
            (RunType::Implementation, read) => {
                let error = read.expect_err("it takes none").to_string();
                assert_eq!(error, "an implementation run has no context");
            }
            (_, read) => assert_eq!(read.unwrap(), Work::bare(run_type)),
        }
    }
    let error = Work::read(RunType::CiRepair, r#"{"failed_chek":"test"}"#).unwrap_err();
    assert_eq!(error.to_string(), "cannot read the context of a ci_repair run");
    assert!(error.source().unwrap().to_string().starts_with("unknown field `failed_chek`"));
}

/// Names in files are the names of the product.
#[test]
fn every_work_survives_its_file() {
    for work in works() {
        let json = serde_json::to_value(&work).unwrap();
        assert_eq!(json["run_type"], work.run_type().as_str());
        assert_eq!(serde_json::from_value::<Work>(json).unwrap(), work);
    }
}

#[test]
fn each_run_type_has_its_workflow_file() {
    for (run_type, name) in [
        (RunType::Implementation, "IMPLEMENTATION_WORKFLOW.md"),
        (RunType::CiRepair, "IMPLEMENTATION_WORKFLOW.md"),
        (RunType::QueueRepair, "IMPLEMENTATION_WORKFLOW.md"),
        (RunType::ReviewFix, "REVIEW_WORKFLOW.md"),
        (RunType::BranchUpkeep, "REVIEW_WORKFLOW.md"),
    ] {
        assert_eq!(workflow_file_name(run_type), name);
    }
}
