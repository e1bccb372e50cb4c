use super::*;

fn hit(pattern: &str, path: &str) -> bool {
    !protected_path_hits(&[pattern.to_owned()], &[path.to_owned()]).is_empty()
}

#[test]
fn a_pattern_with_a_slash_is_anchored_and_one_without_fits_anywhere() {
    assert!(hit(".github/**", ".github/workflows/ci.yml"));
    assert!(!hit(".github/**", "docs/.github/readme.md"));
    assert!(hit("CODEOWNERS", "CODEOWNERS"));
    assert!(hit("CODEOWNERS", "docs/CODEOWNERS"));
    assert!(hit("*_WORKFLOW.md", "IMPLEMENTATION_WORKFLOW.md"));
    assert!(!hit("*_WORKFLOW.md", "workflow.md"));
    assert!(!hit("AGENTS.md", "src/agents.rs"));
}

#[test]
fn letter_case_opens_no_way_around() {
    assert!(hit(".github/**", ".GitHub/workflows/ci.yml"));
    assert!(hit("AGENTS.md", "agents.MD"));
}

#[test]
fn a_pattern_that_is_no_glob_protects_the_path_that_it_spells() {
    assert!(hit("a[", "a["));
    assert!(!hit("a[", "a"));
}

#[test]
fn many_hits_are_counted_instead_of_listed() {
    let hits: Vec<_> = (0..15).map(|n| GateHit::ForeignLink { path: format!("m{n}") }).collect();
    let text = question(&hits);
    assert!(
        text.contains("`m9`") && !text.contains("`m10`") && text.ends_with("and 5 more"),
        "{text}"
    );
}

#[test]
fn a_pattern_that_would_protect_nothing_is_named() {
    assert_eq!(check_protected_path(".github/**"), Ok(()));
    assert!(check_protected_path("a[").unwrap_err().contains("character class"));
}
