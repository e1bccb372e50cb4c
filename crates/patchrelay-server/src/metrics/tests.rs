use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::tests::world::{World, issue, opened, read};

/// The page, read as Prometheus reads it: the kinds of the names, and the values of the samples.
fn parse(text: &str) -> (BTreeMap<String, String>, BTreeMap<String, f64>) {
    let (mut helps, mut kinds, mut samples) = (BTreeSet::new(), BTreeMap::new(), BTreeMap::new());
    assert!(text.ends_with('\n'));
    for line in text.lines() {
        if let Some(help) = line.strip_prefix("# HELP ") {
            let (name, text) = help.split_once(' ').unwrap();
            assert!(helps.insert(name.to_owned()), "{name} twice");
            assert!(text.ends_with('.'), "{line}");
        } else if let Some(kind) = line.strip_prefix("# TYPE ") {
            let (name, kind) = kind.split_once(' ').unwrap();
            assert!(helps.contains(name), "{name} has help");
            assert!(matches!(kind, "gauge" | "counter"), "{line}");
            assert_eq!(kind == "counter", name.ends_with("_total"), "{line}");
            kinds.insert(name.to_owned(), kind.to_owned());
        } else {
            let (sample, value) = line.rsplit_once(' ').unwrap();
            let name = sample.split('{').next().unwrap();
            assert!(name.starts_with("patchrelay_") && kinds.contains_key(name), "{line}");
            assert!(name.chars().all(|c| c.is_ascii_lowercase() || c == '_'), "{name}");
            assert!(samples.insert(sample.to_owned(), value.parse().unwrap()).is_none(), "{line}");
        }
    }
    (kinds, samples)
}

#[tokio::test]
async fn every_number_has_a_help_a_type_and_a_name_as_prometheus_wants_it() {
    let world = World::new().await;
    world.observe(&issue("t1"), vec![opened("s1", None), read("APP-1")]).await;
    let (kinds, samples) = parse(&world.get("/metrics").await.text);
    assert_eq!(kinds.len(), 17, "{kinds:?}");
    for (sample, value) in [
        ("patchrelay_build_info{version=\"1.2.3\"}", 1.0),
        ("patchrelay_issues{project=\"app\",state=\"implementing\"}", 1.0),
        ("patchrelay_issues_ready", 1.0),
        ("patchrelay_runs_active", 0.0),
        ("patchrelay_runs_ended_total{type=\"implementation\",outcome=\"published\"}", 3.0),
        ("patchrelay_tokens_total", 1_234.0),
        ("patchrelay_reports_total{ending=\"refused\"}", 1.0),
        ("patchrelay_store_retries_total{reason=\"conflict\"}", 2.0),
        ("patchrelay_outbox_lag_seconds", 0.0),
    ] {
        assert_eq!(samples.get(sample), Some(&value), "{sample}: {samples:?}");
    }
}

#[tokio::test]
async fn answers_to_webhooks_are_counted_and_no_counter_goes_down() {
    let world = World::new().await;
    let before = parse(&world.get("/metrics").await.text);
    for _ in 0..2 {
        world.post("/webhooks/linear", None, "{}").await;
    }
    world.post("/webhooks/unheard-of", None, "{}").await;
    world.post("/webhooks/another", None, "{}").await;
    let (kinds, samples) = parse(&world.get("/metrics").await.text);
    let answers = |labels: &str| samples[&format!("patchrelay_webhook_answers_total{{{labels}}}")];
    assert_eq!(answers("source=\"linear\",status=\"400\",code=\"missing_header\""), 2.0);
    // Whatever others send does not make more names.
    assert_eq!(answers("source=\"unknown\",status=\"404\",code=\"unknown_source\""), 2.0);
    for (sample, value) in &before.1 {
        let name = sample.split('{').next().unwrap();
        if kinds[name] == "counter" {
            assert!(*value <= samples[sample], "{sample}");
        }
    }
}

#[tokio::test]
async fn without_the_store_there_are_no_numbers() {
    let world = World::new().await;
    world.break_store().await;
    assert_eq!(world.get("/metrics").await.code(), (503, "store_unavailable".to_owned()));
}

#[test]
fn a_label_cannot_end_itself() {
    let mut page = Page::default();
    page.gauge("x", "X.", [([("project", "a\"}\n\\b")], 1)]);
    assert_eq!(page.0.lines().last(), Some("patchrelay_x{project=\"a\\\"}\\n\\\\b\"} 1"));
}
