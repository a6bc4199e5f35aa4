//! What happens by the clock, and when: the schedules as data, and pure functions of them.
//!
//! A schedule's times are those of a zone. What falls into the hour that is left out in spring happens when that hour
//! would have begun; what falls into the hour that comes twice in autumn happens in the first of the two. A schedule that
//! has a tick in every hour keeps its pace instead: it is counted in UTC.

use std::collections::{BTreeSet, VecDeque};
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use chrono::{DateTime, LocalResult, NaiveDateTime, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;
use cron::TimeUnitSpec;
use rolecall_core::schedule::TICKS_KEPT;
use rolecall_workflows::schedule::{Action, Overlap};

use crate::config::Config;

/// Ticks that are missed longer ago are not counted: nobody makes up for them, and there may be very many.
const LONGEST_GAP: TimeDelta = TimeDelta::days(35);

/// What is done about ticks that were missed (the process slept, or the store did not answer).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missed {
    /// Nothing; the next tick comes.
    Skip,
    /// The newest is made up for.
    Once,
    /// The newest so many are made up for, the oldest of them first.
    All(usize),
}

impl fmt::Display for Missed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Skip => f.write_str("skipped"),
            Self::Once => f.write_str("made up for once"),
            Self::All(n) => write!(f, "made up for, up to {n}"),
        }
    }
}

impl Missed {
    /// For programs: `skip`, `once`, `all:3`.
    pub fn written(self) -> String {
        match self {
            Self::Skip => "skip".to_owned(),
            Self::Once => "once".to_owned(),
            Self::All(n) => format!("all:{n}"),
        }
    }
}

/// One schedule.
#[derive(Debug, Clone)]
pub struct Schedule {
    /// What it starts.
    pub action: Action,
    /// When, by the clocks of the zone.
    pub cron: cron::Schedule,
    /// The zone.
    pub zone: Tz,
    /// What is done about missed ticks.
    pub missed: Missed,
    /// What is done about a tick when an earlier one's work is not over.
    pub overlap: Overlap,
}

/// How often an interval is kept by the clock: each so many minutes that divide an hour, or hours that divide a day, the
/// next shorter one.
pub fn on_the_clock(interval: Duration) -> Duration {
    let divisor = |most: u64, whole: u64| (1..=most).rev().find(|n| whole.is_multiple_of(*n)).unwrap_or(1);
    let minutes = (interval.as_secs() / 60).max(1);
    let kept = match minutes < 60 {
        true => divisor(minutes, 60),
        false => 60 * divisor((minutes / 60).min(24), 24),
    };
    Duration::from_secs(60 * kept)
}

/// The cron expression (seconds first) of an interval as it is kept, see [`on_the_clock`].
pub fn expression(interval: Duration) -> String {
    match on_the_clock(interval).as_secs() / 60 {
        1 => "0 * * * * *".to_owned(),
        minutes if minutes < 60 => format!("0 */{minutes} * * * *"),
        60 => "0 0 * * * *".to_owned(),
        1_440 => "0 0 0 * * *".to_owned(),
        minutes => format!("0 0 */{} * * *", minutes / 60),
    }
}

/// The schedules of this installation.
///
/// # Errors
/// If an expression cannot be read.
pub fn of(config: &Config) -> Result<Vec<Schedule>, cron::error::Error> {
    schedules(config.discord.sync_interval, config.time_zone)
}

/// The same, by what they depend on.
///
/// # Errors
/// If an expression cannot be read.
pub fn schedules(sync_interval: Duration, zone: Tz) -> Result<Vec<Schedule>, cron::error::Error> {
    let schedule = |action, text: &str, missed| {
        Ok::<_, cron::error::Error>(Schedule {
            action,
            cron: cron::Schedule::from_str(text)?,
            zone,
            missed,
            overlap: Overlap::Skip,
        })
    };
    Ok(vec![
        schedule(Action::RoleSync, &expression(sync_interval), Missed::Once)?,
        schedule(Action::TokenRefresh, "0 */30 * * * *", Missed::Once)?,
        // The next look comes soon, and one at a time that is past tells nothing.
        schedule(Action::HealthCheck, "0 */5 * * * *", Missed::Skip)?,
        schedule(Action::Retention, "0 20 * * * *", Missed::Once)?,
        schedule(Action::SealSecrets, "0 40 * * * *", Missed::Once)?,
    ])
}

impl Schedule {
    /// The first tick after this moment. `None`: there is none any more.
    pub fn next(&self, after: DateTime<Utc>) -> Option<DateTime<Utc>> {
        if self.cron.hours().is_all() {
            return self.cron.after(&after).next();
        }
        // The clocks as if they were UTC's, from a little before, since they may have been put back.
        let clocks = after.with_timezone(&self.zone).naive_local() - TimeDelta::hours(3);
        let ticks = self.cron.after(&clocks.and_utc());
        ticks
            .map(|at| instant(self.zone, at.naive_utc()))
            .find(|at| at.is_none_or(|at| at > after))
            .flatten()
    }

    /// When it is next, and what is done about missed ticks and overlaps, for people.
    pub fn told(&self, now: DateTime<Utc>) -> String {
        let next = self.next(now).map_or_else(
            || "never again".to_owned(),
            |at| {
                at.with_timezone(&self.zone)
                    .format("next at %Y-%m-%d %H:%M %Z")
                    .to_string()
            },
        );
        let overlap = match self.overlap {
            Overlap::Skip => "skipped while an earlier one is at work",
            Overlap::Allow => "begun even while an earlier one is at work",
        };
        format!("{next}; {overlap}; missed ones are {}", self.missed)
    }

    /// The ticks after one moment and up to another, the oldest first.
    pub fn ticks(
        &self,
        after: DateTime<Utc>,
        until: DateTime<Utc>,
    ) -> impl Iterator<Item = DateTime<Utc>> + '_ {
        std::iter::successors(self.next(after), |tick| self.next(*tick))
            .take_while(move |tick| *tick <= until)
    }

    /// What is to be done about ticks after `seen` and up to `until`, of which `known` are dealt with.
    pub fn review(
        &self,
        seen: DateTime<Utc>,
        known: &BTreeSet<DateTime<Utc>>,
        until: DateTime<Utc>,
    ) -> Review {
        let most = match self.missed {
            Missed::Skip => 0,
            Missed::Once => 1,
            Missed::All(n) => n,
        };
        let mut review = Review::default();
        let mut newest = VecDeque::new();
        for tick in self.ticks(seen.max(until - LONGEST_GAP), until) {
            if known.contains(&tick) {
                continue;
            }
            newest.push_back(tick);
            if newest.len() > most {
                review.missed_in_all += 1;
                review.missed.extend(newest.pop_front());
                if review.missed.len() > TICKS_KEPT {
                    review.missed.pop_front();
                }
            }
        }
        review.make_up = newest.into();
        review
    }
}

/// Ticks that nobody dealt with in time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Review {
    /// Those that are to be made up for, the oldest first.
    pub make_up: Vec<DateTime<Utc>>,
    /// The newest of the others, the oldest first; as many as are remembered.
    pub missed: VecDeque<DateTime<Utc>>,
    /// How many others there are.
    pub missed_in_all: u64,
}

/// When the clocks of a zone show this (first). Of a time that is left out: when the clocks go on after it.
fn instant(zone: Tz, clocks: NaiveDateTime) -> Option<DateTime<Utc>> {
    const A_DAY: i64 = 24 * 60;
    (0..=A_DAY).find_map(|minutes| {
        let shown = clocks + TimeDelta::minutes(minutes);
        match zone.from_local_datetime(&shown) {
            LocalResult::Single(at) | LocalResult::Ambiguous(at, _) => Some(at.to_utc()),
            LocalResult::None => None,
        }
    })
}

impl apalis_cron::Schedule<Utc> for Schedule {
    fn next_tick(&mut self, _: &Utc) -> Option<apalis_cron::Tick<Utc>> {
        let next = self.next(Utc::now())?;
        Some(apalis_cron::Tick::new(u64::try_from(next.timestamp()).ok()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schedule(cron: &str, zone: &str, missed: Missed) -> Schedule {
        Schedule {
            action: Action::RoleSync,
            cron: cron::Schedule::from_str(cron).unwrap(),
            zone: zone.parse().unwrap(),
            missed,
            overlap: Overlap::Skip,
        }
    }

    fn at(text: &str) -> DateTime<Utc> {
        DateTime::parse_from_rfc3339(text).unwrap().to_utc()
    }

    /// The ticks in a span, as hours and minutes of UTC.
    fn ticks(schedule: &Schedule, from: &str, to: &str) -> Vec<String> {
        let ticks = schedule.ticks(at(from), at(to));
        ticks.map(|t| t.format("%d %H:%M").to_string()).collect()
    }

    #[test]
    fn intervals_become_ticks_on_the_clock() {
        for (minutes, cron) in [
            (15, "0 */15 * * * *"),
            (30, "0 */30 * * * *"),
            (1, "0 * * * * *"),
            (7, "0 */6 * * * *"),
            (60, "0 0 * * * *"),
            (90, "0 0 * * * *"),
            (300, "0 0 */4 * * *"),
            (3_000, "0 0 0 * * *"),
        ] {
            assert_eq!(
                expression(Duration::from_secs(minutes * 60)),
                cron,
                "{minutes} minutes"
            );
            assert!(cron::Schedule::from_str(cron).is_ok());
        }
    }

    /// What is made up for, how many are missed, and the oldest of those.
    fn reviewed(schedule: &Schedule, known: &[&str], to: &str) -> (String, u64, String) {
        let shown = |ticks: Vec<DateTime<Utc>>| {
            let shown: Vec<String> = ticks.iter().map(|t| t.format("%H:%M").to_string()).collect();
            shown.join(" ")
        };
        let known = known.iter().map(|text| at(text)).collect();
        let review = schedule.review(at("2026-11-25T10:01:00Z"), &known, at(to));
        let missed = review.missed.iter().take(1).copied().collect();
        (shown(review.make_up), review.missed_in_all, shown(missed))
    }

    #[test]
    fn missed_ticks_are_skipped_made_up_for_once_or_all_up_to_a_number() {
        for (missed, made_up_for, others) in [
            (Missed::Skip, "", 4),
            (Missed::Once, "11:00", 3),
            (Missed::All(3), "10:30 10:45 11:00", 1),
            (Missed::All(9), "10:15 10:30 10:45 11:00", 0),
        ] {
            let schedule = schedule("0 */15 * * * *", "UTC", missed);
            let (ticks, count, first) = reviewed(&schedule, &[], "2026-11-25T11:02:00Z");
            assert_eq!((ticks.as_str(), count), (made_up_for, others), "{missed}");
            assert_eq!(first, if count > 0 { "10:15" } else { "" });
            let none = reviewed(&schedule, &[], "2026-11-25T10:14:59Z");
            assert_eq!(none, (String::new(), 0, String::new()));
        }
    }

    #[test]
    fn ticks_that_were_dealt_with_are_not_missed() {
        let once = schedule("0 */15 * * * *", "UTC", Missed::Once);
        let known = ["2026-11-25T10:15:00Z", "2026-11-25T11:00:00Z"];
        let (ticks, count, first) = reviewed(&once, &known, "2026-11-25T11:02:00Z");
        assert_eq!((ticks.as_str(), count, first.as_str()), ("10:45", 1, "10:30"));
        let all = reviewed(
            &schedule("0 0 * * * *", "UTC", Missed::Once),
            &known,
            "2026-11-25T11:02:00Z",
        );
        assert_eq!(all, (String::new(), 0, String::new()));
    }

    #[test]
    fn of_a_year_without_a_process_the_last_weeks_are_counted_and_the_newest_ticks_named() {
        let often = schedule("0 */5 * * * *", "UTC", Missed::Once);
        let review = often.review(
            at("2025-01-01T00:00:00Z"),
            &BTreeSet::new(),
            at("2026-01-01T00:00:00Z"),
        );
        assert_eq!(review.make_up, [at("2026-01-01T00:00:00Z")]);
        assert_eq!(review.missed_in_all, 35 * 24 * 12 - 1);
        assert_eq!(
            (review.missed.len(), review.missed.back()),
            (TICKS_KEPT, Some(&at("2025-12-31T23:55:00Z")))
        );
    }

    #[test]
    fn a_days_tick_is_at_the_time_of_the_zone_in_summer_and_winter() {
        let daily = schedule("0 30 6 * * *", "Europe/Berlin", Missed::Once);
        let days = ticks(&daily, "2027-03-27T00:00:00Z", "2027-03-29T12:00:00Z");
        assert_eq!(days, ["27 05:30", "28 04:30", "29 04:30"]);
        let far = schedule("0 30 6 * * *", "Australia/Lord_Howe", Missed::Once);
        let days = ticks(&far, "2027-04-02T00:00:00Z", "2027-04-05T00:00:00Z");
        assert_eq!(days, ["02 19:30", "03 20:00", "04 20:00"]);
    }

    #[test]
    fn a_tick_in_the_hour_that_is_left_out_comes_when_that_hour_would_have_begun() {
        // On 2027-03-28 at 01:00 UTC, Berlin's clocks go from 02:00 to 03:00.
        let daily = schedule("0 30 2 * * *", "Europe/Berlin", Missed::Once);
        let days = ticks(&daily, "2027-03-27T00:00:00Z", "2027-03-29T12:00:00Z");
        assert_eq!(days, ["27 01:30", "28 01:00", "29 00:30"]);
        // Three that meet there are one.
        let often = schedule("0 0,30 2,3 * * *", "Europe/Berlin", Missed::Once);
        let day = ticks(&often, "2027-03-28T00:00:00Z", "2027-03-28T12:00:00Z");
        assert_eq!(day, ["28 01:00", "28 01:30"]);
    }

    #[test]
    fn a_tick_in_the_hour_that_comes_twice_comes_once() {
        // On 2026-10-25 at 01:00 UTC, Berlin's clocks go from 03:00 back to 02:00.
        let daily = schedule("0 30 2 * * *", "Europe/Berlin", Missed::Once);
        let days = ticks(&daily, "2026-10-24T00:00:00Z", "2026-10-26T12:00:00Z");
        assert_eq!(days, ["24 00:30", "25 00:30", "26 01:30"]);
        // Whoever asks between the two of them is not given the second.
        assert_eq!(
            daily.next(at("2026-10-25T00:45:00Z")),
            Some(at("2026-10-26T01:30:00Z"))
        );
    }

    #[test]
    fn a_schedule_of_every_hour_keeps_its_pace_when_the_clocks_change() {
        let often = schedule("0 */30 * * * *", "Europe/Berlin", Missed::Once);
        for day in ["2026-10-25", "2027-03-28"] {
            let ticks = ticks(&often, &format!("{day}T00:00:00Z"), &format!("{day}T03:00:00Z"));
            assert_eq!(ticks.len(), 6, "{ticks:?}");
        }
    }

    #[test]
    fn every_tick_is_after_the_moment_that_was_asked_about_and_none_is_left_out() {
        let zones = [
            "UTC",
            "Europe/Berlin",
            "America/New_York",
            "Australia/Lord_Howe",
            "Asia/Kolkata",
        ];
        for zone in zones {
            let schedule = schedule("0 0 */4 * * *", zone, Missed::Once);
            let (mut now, end) = (at("2026-01-01T00:00:00Z"), at("2027-12-31T00:00:00Z"));
            while now < end {
                let next = schedule.next(now).unwrap();
                let wait = next - now;
                assert!(
                    wait > TimeDelta::zero() && wait <= TimeDelta::hours(5),
                    "{zone}: {now} {next}"
                );
                now = next;
            }
        }
    }
}
