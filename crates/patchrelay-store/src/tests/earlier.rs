//! Databases as earlier versions of this program left them.
//!
//! `rows/<migration>.json` holds what the program wrote from that migration on, taken from a real database: a ticket
//! that was merged, another one whose run was at work, and deliveries and reports that were not done. A migration after
//! which those cannot be inserted any more comes with a new file; the old ones stay as they are.

use std::collections::BTreeMap;

use patchrelay_domain::{IssueFacts, IssueId, PrNumber, RunId, RunOutcome, RunState, Timestamp};
use patchrelay_ports::{FeedFilter, Received, Source, Store, Urgency};
use serde_json::{Map, Value};

use super::fixtures::{BOTH, TTL, change, delivery, stored};

/// The rows of each shape that tables had, by the migration that gave it to them.
const ROWS: [(i64, &str); 1] = [(1, include_str!("rows/0001.json"))];

/// The order in which tables refer to each other.
const TABLES: [&str; 6] = ["issues", "observations", "inbox", "runs", "outbox", "feed"];

/// When whatever was put off is due again.
const LATER: Timestamp = Timestamp::from_millis(1_795_831_566_000);

fn issue(name: &str) -> IssueId {
    IssueId::new("acme", name)
}

fn rows_at(migration: i64) -> BTreeMap<String, Vec<Map<String, Value>>> {
    let (_, rows) =
        ROWS.iter().rfind(|(since, _)| *since <= migration).expect("there are first ones");
    serde_json::from_str(rows).expect("the rows are tables of rows")
}

/// The statements that make a database of a migration one that was in use. Bytes are written differently by the two
/// databases.
pub(super) fn inserts(migration: i64, bytes: fn(&str) -> String) -> Vec<String> {
    let mut rows = rows_at(migration);
    let of_table = |table| rows.remove(table).map(|rows| (table, rows));
    let tables: Vec<_> = TABLES.into_iter().filter_map(of_table).collect();
    assert!(rows.is_empty(), "tables that are not named: {:?}", rows.keys());
    let insert = |table: &str, row: Map<String, Value>| {
        // What the database counts by itself is left to it, or it would count from 1 again later.
        let counted = ["inbox", "outbox"].contains(&table);
        let (columns, values): (Vec<_>, Vec<_>) = row
            .into_iter()
            .filter(|(column, _)| !(counted && column == "id"))
            .map(|(column, value)| {
                let literal = match (&*column, &value) {
                    ("body_sha256", Value::String(hex)) => bytes(hex),
                    ("body", Value::String(text)) => bytes(&hex(text.as_bytes())),
                    (_, Value::String(text)) => quoted(text),
                    (_, Value::Null) => "NULL".to_owned(),
                    (_, Value::Number(number)) => number.to_string(),
                    (_, json) => quoted(&json.to_string()),
                };
                (column, literal)
            })
            .unzip();
        format!("INSERT INTO {table} ({}) VALUES ({})", columns.join(", "), values.join(", "))
    };
    tables
        .into_iter()
        .flat_map(|(table, rows)| rows.into_iter().map(move |row| insert(table, row)))
        .collect()
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Everything that was in it is read as it was meant, and work goes on from there.
pub(super) async fn is_all_there(store: &dyn Store) {
    let merged = issue("3a3d4529-00b8-4745-bfc7-37a20bf9f30e");
    let at_work = issue("7b0c1a52-5f0e-4a39-9d0b-0d2f3f1a6c11");
    let run = RunId::new("01a21fe6-a0c4-7d31-8f5e-5b1c0e9a7f20");

    let facts = facts_are_there(store, &merged, &at_work, &run).await;
    runs_are_there(store, &merged, &run).await;
    let log = store.observations(&merged, 10).await.unwrap();
    let kinds: Vec<_> = log.iter().map(|row| (row.version, &*row.kind)).collect();
    assert_eq!(
        kinds,
        [
            (1, "session_opened"),
            (2, "ticket_read"),
            (3, "run_claimed"),
            (4, "ticket_read"),
            (5, "run_settled"),
            (7, "pull_request_read"),
        ]
    );
    assert!(log.iter().all(|row| row.observation.is_some()), "{log:?}");
    let first = log[0].observation.clone().unwrap();
    assert_eq!(store.known_occurrences(&merged, &[first.kind]).await.unwrap(), [true]);

    deliveries_are_there(store).await;
    assert_eq!(store.outbox_pending().await.unwrap(), 1);
    let reports = store.outbox_take("sender", LATER, TTL, Urgency::Any, 10).await.unwrap();
    assert_eq!((&reports[0].issue, reports[0].attempts), (&at_work, 2));

    let feed = store.feed(&FeedFilter::after(0, 100)).await.unwrap();
    assert_eq!(feed.len(), 9);
    assert_eq!(feed[0].entry.text, "the tracker opened an agent session");
    assert_eq!(store.feed(&FeedFilter::after(feed[7].cursor, 100)).await.unwrap(), feed[8..]);

    assert_eq!(stored(store, &change(3, facts)).await, 4);
}

/// The facts of the one that is at work.
async fn facts_are_there(
    store: &dyn Store,
    merged: &IssueId,
    at_work: &IssueId,
    run: &RunId,
) -> IssueFacts {
    let done = store.load(merged).await.unwrap().unwrap();
    assert_eq!((done.version, done.facts.key()), (7, "APP-1"));
    let pull_request = done.facts.pull_request.as_ref().unwrap();
    assert_eq!(pull_request.value.number, PrNumber(1));
    assert_eq!(
        store
            .find_by_pull_request(
                &done.facts.project,
                &pull_request.value.head_branch,
                pull_request.value.number
            )
            .await
            .unwrap()
            .as_ref(),
        Some(merged)
    );
    let working = store.load(at_work).await.unwrap().unwrap();
    assert_eq!((working.version, working.facts.key()), (3, "APP-2"));
    assert_eq!(working.facts.slot.as_ref().map(|slot| &slot.run), Some(run));
    working.facts
}

async fn runs_are_there(store: &dyn Store, merged: &IssueId, run: &RunId) {
    let over = store.runs_of(merged).await.unwrap();
    assert!(matches!(over[0].state, RunState::Published { .. }), "{over:?}");
    assert!(matches!(over[0].outcome, Some(RunOutcome::Published { .. })), "{over:?}");
    let open = store.run(run).await.unwrap().unwrap();
    assert!(matches!(open.state, RunState::Working { .. }), "{open:?}");
    assert_eq!((open.outcome, open.ended), (None, None));
}

/// One is done, one is put aside, and one is due; all are recognised when they come again, and new ones are taken.
async fn deliveries_are_there(store: &dyn Store) {
    let due = store.inbox_due(LATER, &BOTH, 10).await.unwrap();
    let ids: Vec<_> = due.iter().map(|row| &*row.delivery.delivery_id).collect();
    assert_eq!(ids, ["67536c83-a4f3-485d-9626-8fdeba3326ef"]);
    let body = String::from_utf8(due[0].delivery.body.clone()).unwrap();
    assert!(body.contains("Wünsche — \u{1F680}"), "{body}");
    assert_eq!(due[0].attempts, 1);
    let again = patchrelay_ports::Delivery {
        source: Source::Github,
        ..delivery("184e13dd-8e4c-4aa3-b4cb-c93d8d35b606", b"another body")
    };
    assert_eq!(store.receive(&again).await.unwrap(), Received::Duplicate);
    assert_eq!(store.receive(&delivery("new", b"new")).await.unwrap(), Received::Accepted);
}
