use super::*;
use crate::fixture;

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
