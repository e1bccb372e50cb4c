use super::*;
use crate::{NextStep, Wait, factory_state, fixture};

#[test]
fn only_judged_work_costs_an_attempt() {
    let by = |by| RunOutcome::Interrupted { by };
    assert_eq!(charge(&fixture::published()), Charge::Nothing);
    assert_eq!(charge(&RunOutcome::Insufficient { reason: String::new() }), Charge::Attempt);
    assert_eq!(charge(&fixture::failed()), Charge::Recovery);
    assert_eq!(charge(&by(Interruption::Restart)), Charge::Recovery);
    assert_eq!(charge(&by(Interruption::Shutdown)), Charge::Nothing);
    assert_eq!(charge(&by(Interruption::Undelegated)), Charge::Nothing);
    assert_eq!(
        charge(&RunOutcome::Unavailable { reason: String::new(), until: None }),
        Charge::Nothing
    );
}

/// The names of run types are stored, and people see the factory state that belongs to each (D8).
#[test]
fn each_run_type_has_its_name_and_its_factory_state() {
    for (run_type, name, state) in [
        (RunType::Implementation, "implementation", "implementing"),
        (RunType::ReviewFix, "review_fix", "changes_requested"),
        (RunType::CiRepair, "ci_repair", "repairing_ci"),
        (RunType::QueueRepair, "queue_repair", "repairing_queue"),
        (RunType::BranchUpkeep, "branch_upkeep", "changes_requested"),
    ] {
        assert_eq!(run_type.as_str(), name);
        assert_eq!(serde_json::to_value(run_type).unwrap(), name);
        let wait = NextStep::Wait { reason: Wait::ActiveRun(run_type), until: None };
        let shown = factory_state(&wait);
        assert_eq!(shown.as_str(), state);
        assert_eq!(serde_json::to_value(shown).unwrap(), state);
    }
}
