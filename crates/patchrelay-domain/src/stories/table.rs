//! Which scenario is told where.

use std::collections::BTreeSet;

use super::{Told, agent, checks, people, pull_requests, queue, reviews, runs, tickets};

/// The scenarios that exist. The numbers between them were never given.
const SCENARIOS: &[u8] = &[
    1, 2, 4, 5, 7, 8, 10, 11, 13, 14, 16, 17, 19, 20, 22, 23, 25, 26, 28, 29, 31, 32, 34, 35, 37,
    38, 40, 41, 43, 44, 46, 47, 49, 50, 52, 53, 55, 56, 58, 59, 61, 62, 64, 65, 67, 68, 70, 71, 73,
    74, 76,
];

/// Scenarios in which nothing is decided, and why.
const WITHOUT_A_STORY: &[(&str, &str)] = &[
    ("S05", "a lease is a row of the store, and no process keeps a copy of it"),
    ("S16", "a locked database is waited for by the store; facts do not know of it"),
    ("S17", "the adapter of the agent starts it anew; that a merge ends a run is told as S41"),
    ("S37", "how often the tracker may be written to is the business of the outbox"),
    ("S56", "branches and worktrees are made by git's adapter"),
    ("S58", "credentials reach git through its adapter and never the facts"),
    ("S59", "the life of a token is chosen by the forge's adapter"),
    ("S64", "a delivery is known only when its signature is right, and that is the inbox's to see"),
    ("S65", "a delivery is stored before it is acknowledged, by the inbox"),
];

/// All stories, by module.
const TOLD: &[&[Told]] = &[
    agent::TOLD,
    checks::TOLD,
    people::TOLD,
    pull_requests::TOLD,
    queue::TOLD,
    reviews::TOLD,
    runs::TOLD,
    tickets::TOLD,
];

/// The number in `s40_…` or `S40`.
fn number(name: &str) -> u8 {
    let digits: String = name.chars().skip(1).take_while(char::is_ascii_digit).collect();
    digits.parse().unwrap_or_else(|_| panic!("`{name}` has no number"))
}

#[test]
fn every_scenario_has_a_story_or_a_reason_to_have_none() {
    let told: BTreeSet<u8> = TOLD.concat().iter().map(|(name, _)| number(name)).collect();
    let untold: BTreeSet<u8> = WITHOUT_A_STORY.iter().map(|(name, _)| number(name)).collect();
    assert_eq!(told.intersection(&untold).collect::<Vec<_>>(), Vec::<&u8>::new(), "both");
    let all: BTreeSet<u8> = SCENARIOS.iter().copied().collect();
    assert_eq!(told.union(&untold).copied().collect::<BTreeSet<_>>(), all);
}
