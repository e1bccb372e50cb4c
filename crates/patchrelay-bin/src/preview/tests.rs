use super::*;
use crate::cli::PreviewOptions;

const ISSUE: &str =
    r#"{"ticket":{"key":"APP-1","title":"Greet"},"branch":"app/APP-1","base_branch":"main"}"#;

/// What a preview with these files says when it fails.
fn failure(issue: &str, run_type: Option<&str>, context: Option<&str>) -> String {
    let directory = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = directory.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let options = PreviewOptions {
        issue: write("issue.json", issue),
        run_type: run_type.map(str::to_owned),
        context: context.map(|text| write("context.json", text)),
        repo: None,
    };
    run(&options, &Output::new(false)).unwrap_err().message().to_owned()
}

#[test]
fn every_run_type_has_its_name() {
    for name in ["implementation", "review_fix", "ci_repair", "queue_repair", "branch_upkeep"] {
        assert_eq!(run_type(name).unwrap().as_str(), name);
    }
    assert!(run_type("magic").unwrap_err().message().contains("branch_upkeep"));
}

#[test]
fn a_wrong_file_is_named_with_its_field() {
    let said = failure(r#"{"ticket":{"key":1},"branch":"a","base_branch":"b"}"#, None, None);
    assert!(said.contains("issue.json: ticket.key: invalid type"), "{said}");
    let said = failure(ISSUE, Some("ci_repair"), Some(r#"{"failed_chek":"x"}"#));
    assert!(said.contains("context.json") && said.contains("failed_chek"), "{said}");
    let said = failure(ISSUE, None, Some("{}"));
    assert!(said.contains("context.json"), "{said}");
}
