use super::*;
use crate::fixture::at;

fn barred(seconds: Option<u64>) -> TurnStatus {
    let retry_after = seconds.map(Duration::from_secs);
    TurnStatus::Barred { reason: "usage limit".to_owned(), retry_after }
}

/// Until when a fresh pause lasts that begins at one second.
#[track_caller]
fn check(said: Option<u64>, seconds: u64) {
    let mut pause = ModelPause::default();
    assert_eq!(pause.heard(at(1_000), &barred(said)), Some("usage limit"));
    let until = at(1_000).plus(Duration::from_secs(seconds));
    let last = until.minus(Duration::from_millis(1));
    assert_eq!(pause.until(last), Some(until));
    assert_eq!(pause.until(until), None);
}

#[test]
fn a_model_that_bars_us_is_asked_again_when_it_says_within_bounds() {
    check(Some(3_600), 3_600);
    check(None, 60);
    check(Some(1), 60);
    check(Some(7 * 86_400), 86_400);
}

#[test]
fn a_pause_doubles_each_time_and_is_short_again_once_a_turn_completed() {
    let mut pause = ModelPause::default();
    let mut now = at(0);
    let mut waits = Vec::new();
    for _ in 0..7 {
        // Others that were under way find the same out, and that is one pause.
        assert!(pause.heard(now, &barred(None)).is_some());
        assert_eq!(pause.heard(now, &barred(None)), None);
        let Some(until) = pause.until(now) else { panic!("no pause") };
        assert_eq!(pause.heard(now, &TurnStatus::Completed), None, "it began before the pause");
        waits.push(until.since(now).as_secs());
        now = until;
    }
    assert_eq!(waits, [60, 120, 240, 480, 960, 1_800, 1_800]);
    assert_eq!(pause.heard(now, &TurnStatus::Completed), None);
    assert!(pause.heard(now, &barred(None)).is_some());
    assert_eq!(pause.until(now.plus(FIRST_PAUSE)), None);
}

#[test]
fn no_other_end_of_a_turn_pauses_anything() {
    let reason = String::new;
    for status in [
        TurnStatus::Completed,
        TurnStatus::Interrupted,
        TurnStatus::Unavailable { reason: reason(), retry_after: Some(MAX_BELIEVED) },
        TurnStatus::ThreadFull { reason: reason() },
        TurnStatus::Refused { reason: reason() },
        TurnStatus::Failed { reason: reason() },
    ] {
        let mut pause = ModelPause::default();
        assert_eq!(pause.heard(at(1), &status), None, "{status:?}");
        assert_eq!(pause, ModelPause::default());
    }
}
