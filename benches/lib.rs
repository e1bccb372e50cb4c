//! Measured: `cargo bench -p patchrelay-benches`, or one of them with `--bench domain`, `--bench store`, `--bench restart`.
//!
//! `restart` also asserts what is promised of it. Figures of two cores that others kept busy (load 7 to 12), so they are
//! upper bounds and nothing to compare with:
//!
//! | with 1,000 open issues in a SQLite file | |
//! |---|---|
//! | restart until work goes on | 150 to 553 ms, ten rounds, 321 ms in the middle |
//! | `ready`, all of them | 6.7 ms |
//! | `acquire` and `release` | 2.0 ms |
//! | `outbox_take`, 8 reports | 5.9 ms |
//! | `commit` of an edited ticket | 1.4 ms |
//! | `receive` of 4 kB | 0.7 ms |

use patchrelay_domain::{Ticket, TrackerState, TrackerStateKind};

/// A delegated ticket with this description.
pub fn ticket(description: &str) -> Ticket {
    Ticket {
        key: "APP-1".to_owned(),
        title: "Wish a good night".to_owned(),
        description: description.to_owned(),
        url: "https://linear.app/acme/issue/APP-1".to_owned(),
        team_key: "APP".to_owned(),
        team_id: "team-1".to_owned(),
        team_name: String::new(),
        tracker_project: None,
        tracker_project_id: None,
        labels: Vec::new(),
        priority: 0,
        state: TrackerState {
            id: "todo".to_owned(),
            name: "Todo".to_owned(),
            kind: TrackerStateKind::Unstarted,
        },
        delegated: true,
        ended: None,
        blockers: Vec::new(),
        linked: Vec::new(),
    }
}
