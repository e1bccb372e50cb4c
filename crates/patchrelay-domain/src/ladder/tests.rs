use super::*;

const QUIET: Sign = Sign::Silence { used: Some(Duration::ZERO), within: Duration::from_secs(300) };
const BUSY: Sign =
    Sign::Silence { used: Some(Duration::from_secs(299)), within: Duration::from_secs(300) };
const UNTOLD: Sign = Sign::Silence { used: None, within: Duration::from_secs(300) };
const IN_PROGRESS: Sign = Sign::Record(TurnRecord::InProgress);
const ENDED: Sign = Sign::Record(TurnRecord::Ended);
const UNKNOWN: Sign = Sign::Record(TurnRecord::Unknown);
const SIGNS: [Sign; 8] =
    [QUIET, BUSY, UNTOLD, IN_PROGRESS, ENDED, UNKNOWN, Sign::Unanswered, Sign::Interrupted];

/// What is done about these signs, one after the other.
fn climbed(ladder: &mut Ladder, signs: &[Sign]) -> Vec<Rung> {
    signs.iter().map(|sign| climb(ladder, *sign)).collect()
}

/// A silence of an agent whose turn neither is over nor can be interrupted.
const HANG: [Sign; 3] = [QUIET, IN_PROGRESS, Sign::Interrupted];

#[test]
fn each_silence_is_met_by_the_gentlest_thing_that_helps() {
    for (signs, rungs) in [
        (vec![BUSY, BUSY], vec![Rung::Wait, Rung::Wait]),
        (vec![QUIET], vec![Rung::Ask]),
        (vec![UNTOLD], vec![Rung::Ask]),
        (vec![BUSY, QUIET], vec![Rung::Wait, Rung::Ask]),
        (vec![QUIET, ENDED], vec![Rung::Ask, Rung::TakeEnd]),
        (vec![QUIET, IN_PROGRESS], vec![Rung::Ask, Rung::Interrupt]),
        (HANG.to_vec(), vec![Rung::Ask, Rung::Interrupt, Rung::Resume]),
        (vec![QUIET, UNKNOWN], vec![Rung::Ask, Rung::Resume]),
        (vec![QUIET, Sign::Unanswered], vec![Rung::Ask, Rung::Resume]),
    ] {
        assert_eq!(climbed(&mut Ladder::default(), &signs), rungs, "{signs:?}");
    }
}

#[test]
fn an_end_that_does_not_come_is_not_asked_for_again() {
    let rungs = climbed(&mut Ladder::default(), &[QUIET, ENDED, QUIET]);
    assert_eq!(rungs, [Rung::Ask, Rung::TakeEnd, Rung::Resume]);
}

#[test]
fn a_thread_that_hangs_again_at_once_is_left_and_then_the_run_ends() {
    let mut ladder = Ladder::default();
    let last = |ladder: &mut Ladder| climbed(ladder, &HANG).pop();
    assert_eq!(last(&mut ladder), Some(Rung::Resume));
    assert_eq!(last(&mut ladder), Some(Rung::Fresh));
    assert_eq!(last(&mut ladder), Some(Rung::GiveUp));
    let RunOutcome::Failed { reason } = ladder.given_up() else { panic!("it is no failure") };
    assert!(reason.contains("threads resumed: 1, begun anew: 1"), "{reason}");
    assert_eq!(crate::charge(&ladder.given_up()), crate::Charge::Recovery);
}

#[test]
fn a_thread_that_went_on_is_resumed_again_but_not_for_ever() {
    let mut ladder = Ladder::default();
    let mut replaced = Vec::new();
    for _ in 0..6 {
        replaced.extend(climbed(&mut ladder, &HANG).pop());
        ladder.moved();
    }
    assert_eq!(
        replaced,
        [Rung::Resume, Rung::Resume, Rung::Resume, Rung::Fresh, Rung::GiveUp, Rung::GiveUp]
    );
}

#[test]
fn a_silence_after_progress_begins_at_the_first_rung() {
    let mut ladder = Ladder::default();
    assert_eq!(climbed(&mut ladder, &[QUIET, IN_PROGRESS]), [Rung::Ask, Rung::Interrupt]);
    ladder.moved();
    assert_eq!(climbed(&mut ladder, &[QUIET, ENDED]), [Rung::Ask, Rung::TakeEnd]);
}

#[test]
fn what_uses_a_hundredth_of_a_processor_is_at_work() {
    let second = Duration::from_secs(1);
    for (used, within, busy) in [
        (Duration::ZERO, 300 * second, false),
        (Duration::from_millis(2_999), 300 * second, false),
        (Duration::from_millis(3_000), 300 * second, true),
        (600 * second, 300 * second, true),
        (Duration::MAX, 300 * second, true),
        (Duration::ZERO, Duration::ZERO, false),
        (Duration::from_millis(10), Duration::ZERO, true),
    ] {
        assert_eq!(is_busy(used, within), busy, "{used:?} within {within:?}");
    }
}

/// All ladders that any signs can lead to are climbed, with and without progress between the signs.
#[test]
fn whatever_is_seen_the_ladder_has_an_end() {
    let mut known = vec![Ladder::default()];
    let mut looked_at = 0;
    while let Some(ladder) = known.get(looked_at).copied() {
        looked_at += 1;
        let mut moved = ladder;
        moved.moved();
        let mut after = vec![moved];
        for sign in SIGNS {
            let mut next = ladder;
            let rung = climb(&mut next, sign);
            assert_eq!(rung == Rung::Wait, sign == BUSY, "{ladder:?} {sign:?}");
            assert!(next.resumes <= MAX_RESUMES && next.fresh <= MAX_FRESH, "{next:?}");
            let is_used_up = ladder.resumes == MAX_RESUMES && ladder.fresh == MAX_FRESH;
            assert!(!is_used_up || !matches!(rung, Rung::Resume | Rung::Fresh), "{ladder:?}");
            assert!(
                rung == Rung::Wait || next != ladder || rung == Rung::GiveUp,
                "{ladder:?} {sign:?}"
            );
            after.push(next);
        }
        for next in after {
            if !known.contains(&next) {
                known.push(next);
            }
        }
    }
    assert!(20 < known.len(), "{}", known.len());
}

/// Without progress, no signs keep a run from its end for longer than this.
#[test]
fn a_silent_run_ends_after_a_few_rungs() {
    fn longest(ladder: Ladder, rungs: u32) -> u32 {
        assert!(rungs < 20, "{ladder:?}");
        let signs = SIGNS.into_iter().filter(|sign| *sign != BUSY);
        let ways = signs.map(|sign| {
            let mut next = ladder;
            match climb(&mut next, sign) {
                Rung::GiveUp => rungs + 1,
                _ => longest(next, rungs + 1),
            }
        });
        ways.max().unwrap_or(rungs)
    }
    assert_eq!(longest(Ladder::default(), 0), 9);
}

#[test]
fn each_rung_has_a_name_of_its_own() {
    let all = [
        Rung::Wait,
        Rung::Ask,
        Rung::TakeEnd,
        Rung::Interrupt,
        Rung::Resume,
        Rung::Fresh,
        Rung::GiveUp,
    ];
    let names: std::collections::BTreeSet<_> = all.into_iter().map(Rung::as_str).collect();
    assert_eq!(names.len(), all.len());
    assert!(names.iter().all(|name| name.starts_with("silence_")), "{names:?}");
}
