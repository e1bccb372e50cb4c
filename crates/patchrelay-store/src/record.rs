//! Rows, and how they become domain values. What cannot be read is [`StoreError::Corrupt`].

use patchrelay_domain::{
    FACTS_VERSION, IssueId, Observation, ObservationKind, ProjectId, ReadyIssue, RunId, RunType,
    Timestamp,
};
use patchrelay_ports::{
    Cause, DeadDelivery, Delivery, InboxRow, OrderId, OutboxRow, RunRecord, RunText, RunTextKind,
    Source, StoreError, Stored, StoredFeedEntry, StoredObservation,
};
use serde::{
    Deserialize, Serialize,
    de::{self, DeserializeOwned, IntoDeserializer, value::MapDeserializer},
};
use sqlx::FromRow;

/// A row of `issues`, as far as it is read back.
#[derive(FromRow)]
pub(crate) struct IssueRecord {
    id: String,
    version: i64,
    facts_version: i64,
    facts: String,
}

impl TryFrom<IssueRecord> for Stored {
    type Error = StoreError;

    fn try_from(row: IssueRecord) -> Result<Self, StoreError> {
        // The version comes first: facts of another version may well look like facts.
        if !(1..=i64::from(FACTS_VERSION)).contains(&row.facts_version) {
            let text = format!(
                "they have version {}, and this program reads versions up to {FACTS_VERSION}",
                row.facts_version
            );
            return Err(corrupt("facts of issue", &row.id)(text.into()));
        }
        Ok(Self {
            facts: from_json("facts of issue", &row.id, &row.facts)?,
            version: number("version of issue", &row.id, row.version)?,
        })
    }
}

/// A row of `issues` in the ready list.
#[derive(FromRow)]
pub(crate) struct ReadyRecord {
    id: String,
    project_id: String,
    next_run_type: String,
    priority: i64,
    ready_since_ms: i64,
}

impl TryFrom<ReadyRecord> for ReadyIssue {
    type Error = StoreError;

    fn try_from(row: ReadyRecord) -> Result<Self, StoreError> {
        Ok(Self {
            issue: issue_id(&row.id)?,
            project: ProjectId::new(row.project_id),
            run_type: run_type("next run type of issue", &row.id, &row.next_run_type)?,
            priority: number("priority of issue", &row.id, row.priority)?,
            since: Timestamp::from_millis(row.ready_since_ms),
        })
    }
}

/// A row of `observations`.
#[derive(FromRow)]
pub(crate) struct ObservationRecord {
    issue_id: String,
    version: i64,
    position: i64,
    at_ms: i64,
    kind: String,
    body: String,
}

impl TryFrom<ObservationRecord> for StoredObservation {
    type Error = StoreError;

    fn try_from(row: ObservationRecord) -> Result<Self, StoreError> {
        let id = format!("{} version {} position {}", row.issue_id, row.version, row.position);
        let observation: Option<Observation> = if is_known(&row.kind) {
            Some(from_json("observation", &id, &row.body)?)
        } else {
            None
        };
        Ok(Self {
            issue: issue_id(&row.issue_id)?,
            version: number("observation", &id, row.version)?,
            position: number("observation", &id, row.position)?,
            at: Timestamp::from_millis(row.at_ms),
            kind: row.kind,
            observation,
        })
    }
}

/// A row of `inbox`, whose source is the one that was asked for.
#[derive(FromRow)]
pub(crate) struct InboxRecord {
    id: i64,
    delivery_id: String,
    event: String,
    body: Vec<u8>,
    received_ms: i64,
    attempts: i64,
}

impl InboxRecord {
    pub(crate) fn read(self, source: Source) -> Result<InboxRow, StoreError> {
        Ok(InboxRow {
            id: self.id,
            attempts: number("attempts of delivery", self.id, self.attempts)?,
            delivery: Delivery {
                source,
                delivery_id: self.delivery_id,
                event: self.event,
                body: self.body,
                received: Timestamp::from_millis(self.received_ms),
            },
        })
    }
}

/// A row of `inbox` that was put aside.
#[derive(FromRow)]
pub(crate) struct DeadRecord {
    id: i64,
    source: String,
    delivery_id: String,
    event: String,
    received_ms: i64,
    attempts: i64,
    error: Option<String>,
    total: i64,
}

impl DeadRecord {
    /// How many there are, with those that were not asked for.
    pub(crate) fn count(&self) -> Result<u64, StoreError> {
        number("count of dead deliveries", self.id, self.total)
    }
}

impl TryFrom<DeadRecord> for DeadDelivery {
    type Error = StoreError;

    fn try_from(row: DeadRecord) -> Result<Self, StoreError> {
        let source = [Source::Linear, Source::Github]
            .into_iter()
            .find(|source| source.as_str() == row.source)
            .ok_or_else(|| {
                let text = format!("there is no source `{}`", row.source);
                corrupt("source of delivery", row.id)(text.into())
            })?;
        Ok(Self {
            id: row.id,
            source,
            delivery_id: row.delivery_id,
            event: row.event,
            received: Timestamp::from_millis(row.received_ms),
            attempts: number("attempts of delivery", row.id, row.attempts)?,
            error: row.error,
        })
    }
}

/// A row of `runs`.
#[derive(FromRow)]
pub(crate) struct RunRow {
    id: String,
    issue_id: String,
    run_type: String,
    state: String,
    outcome: Option<String>,
    started_ms: i64,
    ended_ms: Option<i64>,
}

impl TryFrom<RunRow> for RunRecord {
    type Error = StoreError;

    fn try_from(row: RunRow) -> Result<Self, StoreError> {
        Ok(Self {
            issue: issue_id(&row.issue_id)?,
            run_type: run_type("type of run", &row.id, &row.run_type)?,
            state: from_json("state of run", &row.id, &row.state)?,
            outcome: row
                .outcome
                .map(|outcome| from_json("outcome of run", &row.id, &outcome))
                .transpose()?,
            started: Timestamp::from_millis(row.started_ms),
            ended: row.ended_ms.map(Timestamp::from_millis),
            id: RunId::new(row.id),
        })
    }
}

/// A row of `run_texts`.
#[derive(FromRow)]
pub(crate) struct RunTextRecord {
    id: i64,
    at_ms: i64,
    kind: String,
    text: String,
}

impl TryFrom<RunTextRecord> for RunText {
    type Error = StoreError;

    fn try_from(row: RunTextRecord) -> Result<Self, StoreError> {
        let kind = RunTextKind::ALL.into_iter().find(|kind| kind.as_str() == row.kind);
        let kind = kind.ok_or_else(|| {
            let text = format!("there is no kind `{}`", row.kind);
            corrupt("kind of a run's text", row.id)(text.into())
        })?;
        Ok(Self { at: Timestamp::from_millis(row.at_ms), kind, text: row.text })
    }
}

/// A row of `outbox` that was taken.
#[derive(FromRow)]
pub(crate) struct OutboxRecord {
    pub(crate) id: i64,
    issue_id: String,
    entity_id: String,
    pub(crate) urgent: i64,
    body: String,
    attempts: i64,
    expires_ms: Option<i64>,
    leased_by: String,
    leased_until_ms: i64,
    superseded: i64,
}

impl TryFrom<OutboxRecord> for OutboxRow {
    type Error = StoreError;

    fn try_from(row: OutboxRecord) -> Result<Self, StoreError> {
        Ok(Self {
            id: OrderId(row.id),
            issue: issue_id(&row.issue_id)?,
            entity_id: row.entity_id,
            order: from_json("report", row.id, &row.body)?,
            attempts: number("attempts of report", row.id, row.attempts)?,
            expires: row.expires_ms.map(Timestamp::from_millis),
            is_superseded: row.superseded == 1,
            taker: row.leased_by,
            held_until: Timestamp::from_millis(row.leased_until_ms),
        })
    }
}

/// A row of `feed`.
#[derive(FromRow)]
pub(crate) struct FeedRecord {
    cursor: i64,
    at_ms: i64,
    issue_id: String,
    entry: String,
}

impl TryFrom<FeedRecord> for StoredFeedEntry {
    type Error = StoreError;

    fn try_from(row: FeedRecord) -> Result<Self, StoreError> {
        Ok(Self {
            cursor: row.cursor,
            at: Timestamp::from_millis(row.at_ms),
            issue: issue_id(&row.issue_id)?,
            entry: from_json("feed line", row.cursor, &row.entry)?,
        })
    }
}

/// Turns each row into what it stands for.
pub(crate) fn read_all<R, T: TryFrom<R, Error = StoreError>>(
    rows: Vec<R>,
) -> Result<Vec<T>, StoreError> {
    rows.into_iter().map(T::try_from).collect()
}

/// A domain value as it is stored.
pub(crate) fn to_json(value: &impl Serialize) -> String {
    serde_json::to_string(value)
        .expect("what is stored has only text as keys and no way to fail, so JSON can hold it")
}

/// Reads an issue's id.
pub(crate) fn issue_id(text: &str) -> Result<IssueId, StoreError> {
    text.parse().map_err(|error| corrupt("issue id", text)(Box::new(error)))
}

/// The error of a stored value that cannot be read.
pub(crate) fn corrupt(what: &'static str, id: impl ToString) -> impl FnOnce(Cause) -> StoreError {
    let id = id.to_string();
    move |source| StoreError::Corrupt { what, id, source }
}

fn from_json<T: DeserializeOwned>(
    what: &'static str,
    id: impl ToString,
    text: &str,
) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|error| corrupt(what, id)(error.into()))
}

pub(crate) fn number<T: TryFrom<i64, Error: std::error::Error + Send + Sync + 'static>>(
    what: &'static str,
    id: impl ToString,
    value: i64,
) -> Result<T, StoreError> {
    value.try_into().map_err(|error: T::Error| corrupt(what, id)(error.into()))
}

fn run_type(what: &'static str, id: &str, text: &str) -> Result<RunType, StoreError> {
    RunType::deserialize(text.into_deserializer())
        .map_err(|error: de::value::Error| corrupt(what, id)(error.into()))
}

/// Whether the domain has an observation of this kind. Asked of its own deserializer, which refuses a kind that it
/// does not know in another way than one whose fields are missing: so there is no second list of kinds to keep.
fn is_known(kind: &str) -> bool {
    let only_the_kind = MapDeserializer::<_, KindError>::new([("kind", kind)].into_iter());
    !matches!(ObservationKind::deserialize(only_the_kind), Err(KindError::Unknown))
}

/// Why nothing but a kind is not an observation.
#[derive(Debug, thiserror::Error)]
enum KindError {
    #[error("no such kind")]
    Unknown,
    #[error("a kind that needs more than its name")]
    Incomplete,
}

impl de::Error for KindError {
    fn custom<T: std::fmt::Display>(_: T) -> Self {
        Self::Incomplete
    }

    fn unknown_variant(_: &str, _: &'static [&'static str]) -> Self {
        Self::Unknown
    }
}
