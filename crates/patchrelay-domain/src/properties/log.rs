//! What is stored: the log gives the facts, and both survive their storage.

use super::walk::Walk;
use crate::{Evolved, IssueFacts, Observation, evolve};

#[test]
fn the_log_folds_to_the_stored_facts() {
    for seed in 0..2_000 {
        let mut walk = Walk::wild(seed);
        for _ in 0..20 {
            walk.step();
        }
        let start = IssueFacts::new(
            walk.facts.issue.clone(),
            walk.facts.project.clone(),
            walk.facts.first_seen,
        );
        let folded = walk.log.iter().fold(start, |facts, observation| {
            match evolve(&walk.policy, &facts, observation) {
                Evolved::Changed(facts) => *facts,
                Evolved::Unchanged => panic!("seed {seed}: {observation:?} was logged for nothing"),
            }
        });
        assert_eq!(folded, walk.facts, "seed {seed}");
    }
}

#[test]
fn facts_and_observations_survive_their_storage() {
    for seed in 0..400 {
        let mut walk = Walk::wild(seed);
        for _ in 0..20 {
            walk.step();
            let stored = serde_json::to_string(&walk.facts).unwrap();
            let read: IssueFacts = serde_json::from_str(&stored).unwrap();
            assert_eq!(read, walk.facts, "seed {seed}");
        }
        for observation in &walk.log {
            let stored = serde_json::to_string(observation).unwrap();
            let read: Observation = serde_json::from_str(&stored).unwrap();
            assert_eq!(&read, observation, "seed {seed}");
        }
    }
}
