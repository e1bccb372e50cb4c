//! Tests.

use clap::{CommandFactory, Parser};

use super::Cli;

/// The help of a command and of those below it. A fixed width, so that no terminal has a say.
fn help(command: &mut clap::Command, name: &str, out: &mut String) {
    let shown = command.render_long_help().to_string();
    let lines: Vec<_> = shown.lines().map(str::trim_end).collect();
    out.push_str(&format!("$ {name} --help\n{}\n\n", lines.join("\n")));
    for below in command.get_subcommands_mut() {
        if below.get_name() != "help" && !below.is_hide_set() {
            let name = format!("{name} {}", below.get_name());
            help(below, &name, out);
        }
    }
}

#[test]
fn the_help_says_this() {
    let mut command = Cli::command().term_width(100);
    command.build();
    let mut out = String::new();
    help(&mut command, "patchrelay", &mut out);
    insta::assert_snapshot!(out.replace(env!("CARGO_PKG_VERSION"), "VERSION"));
}

#[test]
fn the_command_line_is_consistent() {
    Cli::command().debug_assert();
}

#[test]
fn a_wrong_command_line_ends_with_two() {
    for line in [
        "patchrelay",
        "patchrelay fly",
        "patchrelay issue",
        "patchrelay issue show",
        "patchrelay issue show APP-1 APP-2",
        "patchrelay config",
        "patchrelay serve --port 70000",
        "patchrelay serve --port",
        "patchrelay issue list --limit 3",
        "patchrelay -v -q serve",
        "patchrelay --config",
    ] {
        let error = Cli::try_parse_from(line.split(' ')).unwrap_err();
        assert_eq!(error.exit_code(), 2, "{line}");
    }
    for line in ["patchrelay --version", "patchrelay --help", "patchrelay issue --help"] {
        assert_eq!(Cli::try_parse_from(line.split(' ')).unwrap_err().exit_code(), 0, "{line}");
    }
}

#[test]
fn the_global_options_may_come_after_the_command() {
    let cli =
        Cli::parse_from("patchrelay issue list --active --json --config /x.toml -vv".split(' '));
    assert!(cli.json);
    assert_eq!(cli.config.as_deref(), Some("/x.toml".as_ref()));
    assert_eq!(cli.log().level, Some("trace"));
}

#[test]
fn verbosity_replaces_the_configured_filter_only_when_asked() {
    let verbosity = |line: &str| Cli::parse_from(line.split(' ')).log().level;
    assert_eq!(verbosity("patchrelay serve"), None);
    assert_eq!(verbosity("patchrelay -q serve"), Some("warn"));
    assert_eq!(verbosity("patchrelay serve -v"), Some("debug"));
    assert_eq!(verbosity("patchrelay serve -vvvv"), Some("trace"));
}

#[test]
fn color_is_chosen_or_follows_the_terminal() {
    let color = |line: &str| Cli::parse_from(line.split(' ')).log().color;
    assert!(color("patchrelay --color always serve"));
    assert!(!color("patchrelay serve --color never"));
}
