use super::*;
use crate::{BranchName, RunPlan, RunType, Settled};

const LITTLE: Hindrance = Hindrance::LittleSpace { free: 41_999_999, needed: 1_000_000_001 };

#[test]
fn exactly_enough_space_is_enough() {
    assert_eq!(Hindrance::of_space(9, 10), Some(Hindrance::LittleSpace { free: 9, needed: 10 }));
    assert_eq!(Hindrance::of_space(10, 10), None);
    assert_eq!(Hindrance::of_space(0, 0), None, "no space is needed");
}

#[test]
fn only_who_would_run_waits_for_space() {
    let run = NextStep::Run(RunPlan {
        run_type: RunType::Implementation,
        wake: None,
        epoch: 1,
        branch: BranchName::new("app/APP-1"),
        worktree_name: "APP-1".to_owned(),
        head: None,
        base_branch: None,
        signature: None,
        resume: None,
        parent: None,
        keep_edits: false,
        merge_base: false,
        needs_new_head: false,
        release: None,
        consumes: Vec::new(),
    });
    assert_eq!(
        waiting_reason_under(&run, Some(&LITTLE)).unwrap(),
        "waiting for free disk space: 41 MB are free, and nothing is started below 1001 MB"
    );
    let bars = Hindrance::ModelBars { until: Timestamp::from_millis(((24 + 9) * 60 + 5) * 60_000) };
    assert_eq!(
        waiting_reason_under(&run, Some(&bars)).unwrap(),
        "waiting for the agent's model, which answers nobody with this login; it is asked again at 09:05 UTC"
    );
    assert_eq!(waiting_reason_under(&run, None), waiting_reason(&run));
    let settled = NextStep::Settled(Settled::Merged);
    assert_eq!(waiting_reason_under(&settled, Some(&LITTLE)), None);
}
