//! When the model's service answers again. Codex tells it in its English messages only: "try again in 1.5s",
//! "try again in 3 days 4 hours", "try again at 10:04 AM", "try again at Feb 3rd, 2026 10:04 AM".

use std::time::Duration;

use chrono::{DateTime, Days, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, TimeZone};

/// A shown time has no seconds, so it is over when its minute is.
const SHOWN_MINUTE: TimeDelta = TimeDelta::minutes(1);

/// In how long it answers again, if the message says so. `now` is in the zone that codex shows times in, which is that
/// of the machine. Nobody has to believe it without a bound.
pub(crate) fn retry_after<Zone: TimeZone>(message: &str, now: &DateTime<Zone>) -> Option<Duration> {
    let message = message.to_ascii_lowercase();
    let (_, said) = message.split_once("try again ")?;
    if let Some(said) = said.strip_prefix("in ") {
        return time_span(said);
    }
    let words: Vec<_> = said.strip_prefix("at ")?.split_whitespace().collect();
    instant(&words, now)?.signed_duration_since(now).to_std().ok()
}

/// `1.5s`, `6m0s`, `20 seconds`, `3 days 4 hours 5 minutes`: as many of these as there are.
fn time_span(said: &str) -> Option<Duration> {
    let mut sum = None;
    let mut rest = said.trim_start();
    while let Some((number, after)) = leading(rest, |c| c.is_ascii_digit() || c == '.')
        && let Some((unit, after)) = leading(after.trim_start(), |c| c.is_ascii_alphabetic())
        && let Some(seconds) = seconds_of(unit)
    {
        let part = number.parse::<f64>().ok()? * seconds;
        let part = Duration::try_from_secs_f64(part).ok()?;
        sum = Some(sum.unwrap_or(Duration::ZERO).saturating_add(part));
        rest = after.trim_start();
    }
    sum
}

/// The characters of this kind that a text begins with, if any, and what follows.
fn leading(text: &str, is_of_kind: impl Fn(char) -> bool) -> Option<(&str, &str)> {
    let end = text.find(|c| !is_of_kind(c)).unwrap_or(text.len());
    (0 < end).then(|| text.split_at(end))
}

fn seconds_of(unit: &str) -> Option<f64> {
    match unit {
        "ms" => Some(0.001),
        "s" | "sec" | "second" | "seconds" => Some(1.0),
        "m" | "min" | "minute" | "minutes" => Some(60.0),
        "h" | "hour" | "hours" => Some(3_600.0),
        "d" | "day" | "days" => Some(86_400.0),
        _ => None,
    }
}

/// `10:04 am`, the next one, or `feb 3rd, 2026 10:04 am`.
fn instant<Zone: TimeZone>(words: &[&str], now: &DateTime<Zone>) -> Option<DateTime<Zone>> {
    let local = |at: NaiveDateTime| {
        now.timezone().from_local_datetime(&at).earliest()?.checked_add_signed(SHOWN_MINUTE)
    };
    match words {
        [month, day, year, time, half, ..] if year.parse::<u32>().is_ok() => {
            let day = day.trim_end_matches(',').trim_end_matches(|c: char| c.is_ascii_alphabetic());
            let date = NaiveDate::parse_from_str(&format!("{month} {day} {year}"), "%b %d %Y");
            local(date.ok()?.and_time(time_of_day(time, half)?))
        }
        [time, half, ..] => {
            let today = now.naive_local().date();
            let time = time_of_day(time, half)?;
            let next = local(today.and_time(time)).filter(|at| now < at);
            next.or_else(|| local(today.checked_add_days(Days::new(1))?.and_time(time)))
        }
        [] | [_] => None,
    }
}

fn time_of_day(time: &str, half: &str) -> Option<NaiveTime> {
    let half = half.trim_end_matches(['.', ',', ')', '"']);
    NaiveTime::parse_from_str(&format!("{time} {half}"), "%I:%M %p").ok()
}

#[cfg(test)]
mod tests;
