use super::*;

const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);

fn ago(days: u32) -> Timestamp {
    NOW.minus(days * DAY)
}

#[test]
fn payloads_are_kept_for_two_weeks_and_everything_else_for_a_month() {
    let expected = Cuts { payloads: ago(14), deliveries: ago(30), reports: ago(30), feed: ago(30) };
    assert_eq!(Retention::default().cuts(NOW), expected);
}

#[test]
fn a_delivery_is_recognised_for_a_month_and_as_long_as_it_is_kept() {
    let cut = |days: u32| Retention { inbox: days * DAY, ..Retention::default() }.cuts(NOW);
    assert_eq!((cut(1).payloads, cut(1).deliveries), (ago(1), ago(30)));
    assert_eq!((cut(90).payloads, cut(90).deliveries), (ago(90), ago(90)));
}
