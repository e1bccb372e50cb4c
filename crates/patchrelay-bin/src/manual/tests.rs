use clap::ValueEnum;
use clap_complete::Shell;

use super::{completion_script, man, page};
use crate::output::Output;

#[test]
fn every_shell_completes_every_command_but_the_hidden_ones() {
    for shell in Shell::value_variants() {
        let script = completion_script(*shell);
        for command in ["serve", "doctor", "completions", "approve"] {
            assert!(script.contains(command), "{shell}: {command}");
        }
    }
}

#[test]
fn the_manual_has_a_page_for_each_command() {
    let page = page().unwrap();
    assert!(page.starts_with(".ie") && page.contains("patchrelay\\-serve(1)"), "{page}");
    let directory = tempfile::tempdir().unwrap();
    man(Some(directory.path()), &Output::new(false)).unwrap();
    for name in ["patchrelay.1", "patchrelay-serve.1", "patchrelay-issue-show.1"] {
        let page = std::fs::read_to_string(directory.path().join(name)).unwrap();
        assert!(page.contains(".SH NAME"), "{name}: {page}");
    }
}
