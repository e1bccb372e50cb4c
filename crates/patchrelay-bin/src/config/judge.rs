//! What no type can say: values that are impossible, and those that no part of this program honours yet.

use patchrelay::domain::check_protected_path;
use reqwest::Url;
use tracing_subscriber::EnvFilter;

use super::{
    Config, ProjectSection, TrustedActorsSection,
    mistakes::{Mistakes, shown},
    sections::AutoMerge,
};

const MUST_NOT_BE_EMPTY: &str = "must not be empty; leave it out for the default";

/// A relative path would mean another place with each directory that the program is started in.
const MUST_BE_ABSOLUTE: &str = "must be an absolute path";

impl Config {
    /// Notes what is impossible outside of the projects.
    pub(super) fn judge_sections(&self, mistakes: &mut Mistakes) {
        self.judge_what_is_not_there_yet(mistakes);
        if let Some(Err(reason)) = self.server.public_url.as_deref().map(public_url) {
            mistakes.add("server.public_url", reason);
        }
        let delivery = &self.delivery;
        let section = |name: &str| format!("delivery.{name}");
        judge_delivery(Some(delivery.auto_merge), &section, mistakes);
        judge_patterns(&delivery.protected_paths, "delivery.protected_paths", mistakes);
        let at_least_one = [
            ("scheduler.max_concurrent_runs", self.scheduler.max_concurrent_runs as u64),
            ("scheduler.reconcile_seconds", self.scheduler.reconcile_seconds),
            ("scheduler.lease_seconds", self.scheduler.lease_seconds),
            ("codex.request_timeout_seconds", self.codex.request_timeout_seconds),
            ("codex.startup_timeout_seconds", self.codex.startup_timeout_seconds),
            ("codex.silence_seconds", self.codex.silence_seconds),
            ("codex.turn_timeout_seconds", self.codex.turn_timeout_seconds),
            ("ingress.max_body_bytes", self.ingress.max_body_bytes as u64),
            ("retention.inbox_days", self.retention.inbox_days),
            ("retention.feed_days", self.retention.feed_days),
        ];
        for (key, _) in at_least_one.into_iter().filter(|(_, value)| *value == 0) {
            mistakes.add(key, "must be at least 1");
        }
        for (key, address) in
            [("linear.api_url", &self.linear.api_url), ("github.api_url", &self.github.api_url)]
        {
            let is_usable = Url::parse(address)
                .is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
            if !is_usable {
                mistakes.add(key, "must be an address, written `https://HOST/PATH`");
            }
        }
        if self.codex.command.first().is_none_or(String::is_empty) {
            mistakes
                .add("codex.command", "must name a program, such as [\"codex\", \"app-server\"]");
        }
        for (key, word) in [
            ("codex.model", &self.codex.model),
            ("codex.model_provider", &self.codex.model_provider),
            ("codex.effort", &self.codex.effort),
            ("codex.developer_instructions", &self.codex.developer_instructions),
        ] {
            judge_word(word, key, mistakes);
        }
        if self.codex.home.as_ref().is_some_and(|home| home.is_relative()) {
            mistakes.add("codex.home", MUST_BE_ABSOLUTE);
        }
        for (index, place) in self.codex.deny_read.iter().enumerate() {
            if !place.starts_with('/') && !place.starts_with("~/") {
                let key = format!("codex.deny_read[{index}]");
                mistakes.add(key, "must be an absolute path, or begin with `~/`");
            }
        }
        if EnvFilter::try_new(&self.telemetry.log).is_err() {
            mistakes.add(
                "telemetry.log",
                "must be a level (`error`, `warn`, `info`, `debug`, `trace`), or `TARGET=LEVEL` several times",
            );
        }
    }

    /// Notes each key whose value no part of this program honours yet, with what to do about it.
    fn judge_what_is_not_there_yet(&self, mistakes: &mut Mistakes) {
        for (key, is_set, instead) in [
            (
                "linear.oauth_url",
                self.linear.oauth_url.is_some(),
                "nobody is asked to let us in yet: leave it out, and set LINEAR_ACCESS_TOKEN",
            ),
            (
                "retention.observations_days",
                self.retention.observations_days != 0,
                "the history is not shortened yet: leave it at 0",
            ),
            (
                "telemetry.otlp_endpoint",
                self.telemetry.otlp_endpoint.is_some(),
                "traces are not sent anywhere yet: leave it out",
            ),
        ] {
            if is_set {
                mistakes.add(key, instead);
            }
        }
    }
}

/// What others reach us by, without a slash at its end, so that a path can be appended.
pub(crate) fn public_url(written: &str) -> Result<String, &'static str> {
    let url = Url::parse(written).ok().filter(|url| {
        matches!(url.scheme(), "http" | "https")
            && url.has_host()
            && url.username().is_empty()
            && url.password().is_none()
            && url.query().is_none()
            && url.fragment().is_none()
    });
    match url {
        Some(url) => Ok(url.as_str().trim_end_matches('/').to_owned()),
        None => Err("must be an address, written `https://HOST` or `https://HOST/PATH`"),
    }
}

/// Notes what is impossible in a project. `key` names a key of it.
pub(super) fn judge_project(
    section: &ProjectSection,
    key: &impl Fn(&str) -> String,
    mistakes: &mut Mistakes,
) {
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if section.id.is_empty() || !section.id.chars().all(legal) {
        mistakes.add(key("id"), "must be made of letters, digits, `-` and `_`");
    }
    let claims = [&section.linear_teams, &section.linear_projects, &section.issue_key_prefixes];
    if claims.iter().all(|claim| claim.is_empty()) {
        mistakes.add(
            key("linear_teams"),
            "set at least one of linear_teams, linear_projects and issue_key_prefixes, or no ticket finds it",
        );
    }
    for (name, entries) in [
        ("linear_teams", &section.linear_teams),
        ("linear_projects", &section.linear_projects),
        ("issue_key_prefixes", &section.issue_key_prefixes),
        ("labels", &section.labels),
    ] {
        if let Some(index) = entries.iter().position(|entry| entry.trim().is_empty()) {
            mistakes.add(key(&format!("{name}[{index}]")), "must not be empty: take it out");
        }
    }
    for (name, is_zero) in [
        ("max_concurrent_runs", section.max_concurrent_runs == Some(0)),
        ("budgets.implementation", section.budgets.implementation == 0),
        ("budgets.recovery", section.budgets.recovery == 0),
    ] {
        if is_zero {
            mistakes.add(key(name), "must be at least 1, or nothing is ever tried");
        }
    }
    for (name, place) in [("path", &section.path), ("worktree_root", &section.worktree_root)] {
        if place.as_ref().is_some_and(|place| place.is_relative()) {
            mistakes.add(key(name), MUST_BE_ABSOLUTE);
        }
    }
    for (name, word) in [
        ("remote_url", &section.remote_url),
        ("base_branch", &section.base_branch),
        ("branch_prefix", &section.branch_prefix),
        ("codex.model", &section.codex.model),
        ("codex.effort", &section.codex.effort),
    ] {
        judge_word(word, key(name), mistakes);
    }
    if section.base_branch.as_deref().is_some_and(|name| !is_branch_name(name)) {
        mistakes.add(key("base_branch"), "is no name of a branch");
    }
    let gate = &section.gate_checks;
    if gate.is_empty() || gate.iter().any(|name| name.trim().is_empty()) {
        mistakes.add(key("gate_checks"), "must name at least one check, and none without a name");
    }
    if section.merge_queue_check.trim().is_empty() {
        mistakes.add(key("merge_queue_check"), MUST_NOT_BE_EMPTY);
    }
    if let Err((name, reason)) = check_trusted(&section.trusted_actors) {
        mistakes.add(key(name), reason);
    }
    let delivery = &section.delivery;
    let of_delivery = |name: &str| key(&format!("delivery.{name}"));
    judge_delivery(delivery.auto_merge, &of_delivery, mistakes);
    if let Some(patterns) = &delivery.protected_paths {
        judge_patterns(patterns, &of_delivery("protected_paths"), mistakes);
    }
}

fn judge_word(word: &Option<String>, key: impl Into<String>, mistakes: &mut Mistakes) {
    if word.as_ref().is_some_and(|word| word.trim().is_empty()) {
        mistakes.add(key, MUST_NOT_BE_EMPTY);
    }
}

/// Notes what is configured of publishing and is not there yet.
fn judge_delivery(
    auto_merge: Option<AutoMerge>,
    key: &impl Fn(&str) -> String,
    mistakes: &mut Mistakes,
) {
    if auto_merge == Some(AutoMerge::WhenApproved) {
        mistakes.add(
            key("auto_merge"),
            "nothing is merged by us yet: set it to `off`, and merge by hand or with a queue",
        );
    }
}

fn judge_patterns(patterns: &[String], key: &str, mistakes: &mut Mistakes) {
    for (index, pattern) in patterns.iter().enumerate() {
        if let Err(reason) = check_protected_path(pattern) {
            mistakes.add(
                format!("{key}[{index}]"),
                format!("`{}` is no glob: {reason}", shown(pattern)),
            );
        }
    }
}

/// Whether git takes this as the name of a branch: what its own rules forbid most often, and what would be an option.
fn is_branch_name(name: &str) -> bool {
    let forbidden = |c: char| {
        c.is_control() || c.is_whitespace() || matches!(c, '~' | '^' | ':' | '?' | '*' | '[' | '\\')
    };
    !name.starts_with(['-', '/', '.'])
        && !name.ends_with(['/', '.'])
        && !name.contains("..")
        && !name.contains("//")
        && !name.contains("@{")
        && !name.contains(forbidden)
}

/// The list that has an entry which could never name anybody, with what such an entry looks like.
fn check_trusted(section: &TrustedActorsSection) -> Result<(), (&'static str, &'static str)> {
    let is_word = |text: &str| !text.is_empty() && !text.contains(|c: char| c.is_whitespace());
    let is_email = |text: &String| {
        text.split_once('@')
            .is_some_and(|(name, domain)| is_word(name) && is_word(domain) && !domain.contains('@'))
    };
    let is_domain = |text: &String| is_word(text) && !text.contains('@');
    if !section.emails.iter().all(is_email) {
        return Err(("trusted_actors.emails", "must be addresses, written `NAME@DOMAIN`"));
    }
    if !section.email_domains.iter().all(is_domain) {
        return Err(("trusted_actors.email_domains", "must be domains, without the `@`"));
    }
    if !section.ids.iter().chain(&section.programs).all(|id| is_word(id)) {
        return Err(("trusted_actors", "must be ids, without blanks"));
    }
    Ok(())
}
