//! The scenarios S01 to S76 as stories: what happens goes in, a transcript comes out, and nothing in between is faked.
//!
//! A line of a transcript reads `what happened => [what was said outward] state, next step`. It is `=> nothing new` when
//! no fact changed, so nothing was logged, decided anew or said.

/// The names of stories, with the stories themselves: one that was renamed or removed is an error here.
macro_rules! told {
    ($($story:ident),* $(,)?) => { &[$((stringify!($story), $story as fn())),*] };
}

mod agent;
mod checks;
mod people;
mod pull_requests;
mod queue;
mod reviews;
mod runs;
mod steps;
mod table;
mod tickets;
mod transcript;

use self::transcript::{is_told, phrase, quoted, said};
use std::{collections::BTreeSet, time::Duration};

use crate::{
    Actor, Check, CheckStatus, CommitSha, Evidence, Evolved, ForgeNow, Heard, Interruption,
    IssueFacts, LinkedPullRequest, MergeState, NextStep, Observation, ObservationKind, OutboxOrder,
    Policy, PrNumber, PrState, PullRequest, Report, ReportOutcome, Review, ReviewVerdict, RunId,
    RunOutcome, RunPlan, RunProgress, RunType, SessionId, Spent, Standing, Steer, ThreadId, Ticket,
    TreeId, TurnId, Verdict, change, charge, decide, evolve, factory_state, fixture,
    fixture::{at, head, member},
    steer_run, verify,
};

/// A story, by name.
type Told = (&'static str, fn());

/// One issue and the world around it. Each step takes a minute.
struct Story {
    policy: Policy,
    facts: IssueFacts,
    now: i64,
    log: Vec<Observation>,
    /// What the store knows of occurrences: they count once.
    seen: BTreeSet<(&'static str, String)>,
    lines: Vec<String>,
    orders: Vec<OutboxOrder>,
    /// The ticket as the tracker has it.
    ticket: Ticket,
    /// The pull request as the forge has it.
    forge: Option<PullRequest>,
    /// How many things had to get an id.
    ids: u64,
    plan: Option<RunPlan>,
    runs: u32,
    continuations: u32,
}

const MINUTE: i64 = 60_000;
/// What a merge state says of the base, unless a story moves it.
const BASE: &str = "base-1";

impl Story {
    fn new() -> Self {
        Self::with(Policy::default())
    }

    fn with(policy: Policy) -> Self {
        Self {
            policy,
            facts: fixture::empty(),
            now: 0,
            log: Vec::new(),
            seen: BTreeSet::new(),
            lines: Vec::new(),
            orders: Vec::new(),
            ticket: Ticket { delegated: false, ..fixture::ticket() },
            forge: None,
            ids: 0,
            plan: None,
            runs: 0,
            continuations: 0,
        }
    }

    /// A session was opened, the ticket is ours, the first run has published head 1 as pull request 1. Not told.
    fn opened() -> Self {
        Self::opened_with(Policy::default())
    }

    fn opened_with(policy: Policy) -> Self {
        let mut story = Self::with(policy);
        story.opens_session(None).delegated().starts().publishes(1);
        story.and_then()
    }

    /// Forgets what was told so far: the transcript begins here.
    fn and_then(mut self) -> Self {
        self.lines.clear();
        self.orders.clear();
        self
    }

    /// Compares the whole transcript.
    #[track_caller]
    fn reads(&self, expected: &[&str]) {
        assert!(
            self.lines == expected,
            "the story reads:\n{}\nand not:\n{}",
            quoted(&self.lines),
            quoted(expected)
        );
    }

    // What happens.

    fn observe(&mut self, what: impl Into<String>, kind: ObservationKind) -> &mut Self {
        self.observe_all(what, vec![kind])
    }

    fn observe_all(&mut self, what: impl Into<String>, kinds: Vec<ObservationKind>) -> &mut Self {
        self.now += MINUTE;
        self.fold(what.into(), kinds)
    }

    fn fold(&mut self, what: String, kinds: Vec<ObservationKind>) -> &mut Self {
        let is_pass = kinds.is_empty();
        let mut incoming = Vec::new();
        for kind in kinds {
            let is_logged =
                kind.occurrence().is_some_and(|id| self.seen.contains(&(kind.name(), id)));
            if !is_logged {
                let correlation = format!("c{}", self.now);
                incoming.push(Observation { at: at(self.now), correlation, kind });
            }
        }
        let change = change(&self.policy, at(self.now), &self.facts, incoming);
        let is_news = !change.observations.is_empty();
        for observation in &change.observations {
            let kind = &observation.kind;
            self.seen.extend(kind.occurrence().map(|id| (kind.name(), id)));
        }
        self.log.extend(change.observations);
        self.facts = change.facts;
        // How things look follows from the state, which is told anyway.
        let orders: Vec<_> = change.orders.into_iter().filter(is_told).collect();
        let said: Vec<_> = orders.iter().map(said).collect();
        self.orders.extend(orders);
        let said = if said.is_empty() { String::new() } else { format!("[{}] ", said.join(", ")) };
        let line = if is_news || is_pass {
            format!("{what} => {said}{}", self.standing())
        } else {
            format!("{what} => nothing new")
        };
        self.lines.push(line);
        self
    }

    /// The same, also of what the store knows to have happened: nobody relies on the store alone.
    fn observe_again(&mut self, what: &str, kind: ObservationKind) -> &mut Self {
        if let Some(id) = kind.occurrence() {
            self.seen.remove(&(kind.name(), id));
        }
        self.observe(what, kind)
    }

    fn next(&self) -> NextStep {
        decide(&self.policy, at(self.now), &self.facts)
    }

    fn standing(&self) -> String {
        let next = self.next();
        format!("{}, {}", factory_state(&next).as_str(), phrase(&next, at(self.now)))
    }

    fn id(&mut self) -> u64 {
        self.ids += 1;
        self.ids
    }

    /// Nothing happens but that the issue is decided again, as every pass over all issues does.
    fn passes(&mut self, time: Duration) -> &mut Self {
        self.now += i64::try_from(time.as_millis()).unwrap();
        self.fold(format!("{} s pass", time.as_secs()), Vec::new())
    }

    /// The process is gone, and another one knows what is stored: the same facts, whether read or folded from the log.
    fn restarts(&mut self) -> &mut Self {
        let new = IssueFacts::new(
            self.facts.issue.clone(),
            self.facts.project.clone(),
            self.facts.first_seen,
        );
        let folded = self.log.iter().fold(new, |facts, observation| {
            match evolve(&self.policy, &facts, observation) {
                Evolved::Changed(facts) => *facts,
                Evolved::Unchanged => panic!("the log has what says nothing: {observation:?}"),
            }
        });
        let row = serde_json::to_string(&self.facts).unwrap();
        let read: IssueFacts = serde_json::from_str(&row).unwrap();
        assert_eq!(folded, read);
        self.facts = read;
        let line = format!("restart => {}", self.standing());
        self.lines.push(line);
        self
    }

    /// The bodies of what was said outward, since the story begins.
    fn bodies(&self) -> Vec<String> {
        self.orders.iter().map(|order| serde_json::to_string(order).unwrap()).collect()
    }
}

fn operator() -> Actor {
    Actor { id: "operator".to_owned(), standing: Standing::Operator, ..member() }
}

fn failed() -> RunOutcome {
    fixture::failed()
}

/// Pull request `number` of the project's repository, as an attachment of the ticket.
fn attached(number: u64) -> LinkedPullRequest {
    LinkedPullRequest { repo: "acme/app".parse().unwrap(), number: PrNumber(number) }
}
