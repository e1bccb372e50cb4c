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
fn a_pattern_that_would_protect_nothing_is_named() {
    assert_eq!(check_protected_path(".github/**"), Ok(()));
    assert!(check_protected_path("a[").unwrap_err().contains("character class"));
}

#[test]
fn a_repair_changes_sources_and_not_what_checks_them() {
    let is_out = |path: &str| !out_of_scope_hits(&[path.to_owned()]).is_empty();
    for path in [
        ".github/workflows/ci.yml",
        ".github/actions/setup/action.yml",
        "scripts/bootstrap-worktree.sh",
        ".patchrelay/hooks/prepare-worktree",
        "AGENTS.md",
        "web/CLAUDE.md",
        "DEV_SETUP.md",
        "REVIEW_WORKFLOW.md",
        "package.json",
        "web/package-lock.json",
        "pnpm-lock.yaml",
        "yarn.lock",
        "crates/a/Cargo.toml",
        "Cargo.lock",
        "requirements-dev.txt",
        "go.mod",
    ] {
        assert!(is_out(path), "{path}");
    }
    for path in [
        "src/main.rs",
        "README.md",
        ".github/pull_request_template.md",
        "scripts/bootstrap.sh",
        "docs/scripts/bootstrap-worktree.sh",
        "src/package.json.ts",
        "Makefile",
        "src/go.modular.rs",
    ] {
        assert!(!is_out(path), "{path}");
    }
}

#[test]
fn what_is_out_of_scope_is_told_by_globs() {
    for pattern in OUT_OF_SCOPE {
        assert_eq!(check_protected_path(pattern), Ok(()), "{pattern}");
    }
}
