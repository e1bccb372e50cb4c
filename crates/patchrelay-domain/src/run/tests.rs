use super::*;
use crate::{NextStep, Wait, factory_state, fixture};

#[test]
fn a_report_is_read_plain_and_wrapped_in_prose() {
    let report = fixture::report(ReportOutcome::Done);
    let plain = serde_json::to_string(&report).unwrap();
    assert_eq!(parse_report(&plain), Ok(report.clone()));
    assert_eq!(
        parse_report(&format!("Here it is:\n```json\n{plain}\n```\nThanks {{}}")).ok(),
        None
    );
    assert_eq!(parse_report(&format!("Here it is:\n```json\n{plain}\n```")), Ok(report));
}

#[test]
fn what_is_no_report_is_an_error_that_says_so() {
    for answer in ["", "done", "{}", "{\"outcome\":\"splendid\",\"summary\":\"\"}", "} {"] {
        let error = parse_report(answer).unwrap_err().to_string();
        assert!(error.starts_with("the agent's answer is not a report: "), "{error}");
    }
}

#[test]
fn the_schema_asks_for_exactly_the_fields_of_a_report() {
    let schema = report_schema();
    let fields = serde_json::to_value(fixture::report(ReportOutcome::Done)).unwrap();
    let names: Vec<_> = fields.as_object().unwrap().keys().cloned().collect();
    let properties: Vec<_> = schema["properties"].as_object().unwrap().keys().cloned().collect();
    let mut required: Vec<_> = schema["required"]
        .as_array()
        .unwrap()
        .iter()
        .map(|name| name.as_str().unwrap().to_owned())
        .collect();
    required.sort();
    assert_eq!(properties, names);
    assert_eq!(required, names);
    assert_eq!(schema["additionalProperties"], false);
}

#[test]
fn only_judged_work_costs_an_attempt() {
    let by = |by| RunOutcome::Interrupted { by };
    assert_eq!(charge(&fixture::published()), Charge::Nothing);
    assert_eq!(charge(&RunOutcome::Insufficient { reason: String::new() }), Charge::Attempt);
    assert_eq!(charge(&fixture::failed()), Charge::Recovery);
    assert_eq!(charge(&by(Interruption::Restart)), Charge::Recovery);
    assert_eq!(charge(&by(Interruption::Shutdown)), Charge::Nothing);
    assert_eq!(charge(&by(Interruption::Undelegated)), Charge::Nothing);
    assert_eq!(
        charge(&RunOutcome::Unavailable { reason: String::new(), until: None }),
        Charge::Nothing
    );
}

/// The names of run types are stored, and people see the factory state that belongs to each (D8).
#[test]
fn each_run_type_has_its_name_and_its_factory_state() {
    for (run_type, name, state) in [
        (RunType::Implementation, "implementation", "implementing"),
        (RunType::ReviewFix, "review_fix", "changes_requested"),
        (RunType::CiRepair, "ci_repair", "repairing_ci"),
        (RunType::QueueRepair, "queue_repair", "repairing_queue"),
        (RunType::BranchUpkeep, "branch_upkeep", "changes_requested"),
    ] {
        assert_eq!(run_type.as_str(), name);
        assert_eq!(serde_json::to_value(run_type).unwrap(), name);
        let wait = NextStep::Wait { reason: Wait::ActiveRun(run_type), until: None };
        let shown = factory_state(&wait);
        assert_eq!(shown.as_str(), state);
        assert_eq!(serde_json::to_value(shown).unwrap(), state);
    }
}
