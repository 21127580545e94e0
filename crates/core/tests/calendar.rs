//! Calendar periods against an oracle that knows every change of offset of every zone, from a
//! bundled copy of the zone database.
//!
//! The code under test asks only for the offset at an instant. The oracle walks through all changes
//! of a zone, takes its dates from the same well-kept library, and shares no line with the code.
#![allow(clippy::unwrap_used)] // a test may panic, also in its helpers

use std::cell::Cell;
use std::sync::{Arc, OnceLock};

use jiff::civil::{Date, DateTime, Time, Weekday};
use jiff::{tz, ToSpan};
use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;
use tollgate_core::calendar::{period_at, Remembered, Span, TimeZone, UnknownTimeZone, UtcOnly};
use tollgate_core::limit::quota::{Anchor, Period, Quota, TimeZoneName};
use tollgate_core::Timestamp;

const DAY: i64 = 86_400;
/// 2150-01-01, in seconds: instants before it are drawn.
const HORIZON: i64 = 5_680_281_600;
const CALENDAR: [Period; 5] = [
    Period::Day,
    Period::Week,
    Period::Month,
    Period::Quarter,
    Period::Year,
];
/// For a year that both begins and ends in a gap: 18 halvings of two days for each, and a few
/// beside.
const MAX_QUESTIONS: u32 = 50;
const WEEKDAYS: [&str; 7] = [
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
    "sunday",
];

// ----------------------------------------------------------------------------------------------------------------
// zones

/// A zone as the list of its offsets, each with the second from which it holds.
struct Zone {
    name: String,
    offsets: Vec<(i64, i64)>,
}

impl std::fmt::Debug for Zone {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.name)
    }
}

impl Zone {
    fn load(name: &str) -> Zone {
        let zone = tz::db().get(name).unwrap();
        let epoch = jiff::Timestamp::UNIX_EPOCH;
        let mut offsets = vec![(i64::MIN, i64::from(zone.to_offset(epoch).seconds()))];
        for change in zone.following(epoch) {
            let (from, offset) = (change.timestamp().as_second(), change.offset().seconds());
            if from > HORIZON + 400 * DAY {
                break;
            }
            if offsets.last().unwrap().1 != i64::from(offset) {
                offsets.push((from, i64::from(offset)));
            }
        }
        Zone {
            name: name.to_owned(),
            offsets,
        }
    }

    fn offset(&self, second: i64) -> i64 {
        let after = self.offsets.partition_point(|&(from, _)| from <= second);
        self.offsets[after - 1].1
    }

    /// Every stretch of one offset: from, to, offset, and the offset before it.
    fn stretches(&self) -> impl Iterator<Item = (i64, i64, i64, i64)> + '_ {
        (0..self.offsets.len()).map(|i| {
            let (from, offset) = self.offsets[i];
            let to = self.offsets.get(i + 1).map_or(i64::MAX, |next| next.0);
            (from, to, offset, self.offsets[i.saturating_sub(1)].1)
        })
    }

    /// The first second at which the clocks show `local` or later.
    fn first_reached(&self, local: i64) -> i64 {
        let reached = |(from, to, offset, _): (i64, i64, i64, i64)| {
            let at = (local - offset).max(from);
            (at < to).then_some(at)
        };
        self.stretches().find_map(reached).unwrap()
    }

    fn name(&self) -> TimeZoneName {
        TimeZoneName::stored(&self.name).unwrap()
    }
}

/// Answers from the zone's list and counts the questions.
struct Asked<'a> {
    zone: &'a Zone,
    times: Cell<u32>,
}

impl TimeZone for Asked<'_> {
    fn offset_at(&self, zone: &TimeZoneName, instant: Timestamp) -> Option<i32> {
        self.times.set(self.times.get() + 1);
        let second = instant.as_millis() / 1000;
        assert_eq!(instant.as_millis() % 1000, 0);
        assert!(second <= 8_640_000_000_000);
        (zone.as_str() == self.zone.name).then(|| self.zone.offset(second as i64) as i32)
    }
}

/// Every zone there is, by its own name; those with a peculiar history come first.
fn zones() -> &'static [Arc<Zone>] {
    static ZONES: OnceLock<Vec<Arc<Zone>>> = OnceLock::new();
    ZONES.get_or_init(|| {
        let all = TimeZoneName::all().map(|zone| zone.as_str().to_owned());
        let rest = all.filter(|name| !PECULIAR.contains(&name.as_str()));
        let peculiar = PECULIAR.iter().map(|&name| name.to_owned());
        peculiar
            .chain(rest)
            .map(|name| Arc::new(Zone::load(&name)))
            .collect()
    })
}

/// Zones whose history holds what is difficult.
const PECULIAR: [&str; 24] = [
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "America/Sao_Paulo",    // no midnight on the first day of summer time
    "America/Asuncion",     // the same
    "America/Santiago",     // the same, and a day of 25 hours that begins once
    "America/Havana",       // midnight twice, and no midnight
    "America/St_Johns",     // changes at 00:01, and one of two hours
    "America/Scoresbysund", // no midnight
    "Asia/Beirut",          // no midnight
    "Asia/Amman",           // no midnight
    "Asia/Tehran",          // no midnight, half an hour off
    "Asia/Gaza",            // changes a week apart
    "Asia/Kathmandu",       // 15 minutes that never were
    "Asia/Pyongyang",       // half an hour forth and back
    "Africa/Cairo",         // no midnight
    "Africa/Casablanca",    // winter time in Ramadan
    "Africa/Monrovia",      // 44 minutes and 30 seconds off until 1972
    "Antarctica/Troll",     // two hours of summer time
    "Antarctica/Vostok",    // seven hours back and forth
    "Australia/Lord_Howe",  // half an hour of summer time
    "Pacific/Apia",         // no 2011-12-30
    "Pacific/Kiritimati",   // no 1994-12-31
    "Pacific/Kwajalein",    // no 1993-08-21
];

// ---------------------------------------------------------------------------------------------------------------
// oracle

/// The start and end of the period, in seconds.
fn expected(zone: &Zone, quota: &Quota, second: i64) -> (i64, i64) {
    let mut starts = if CALENDAR.contains(&quota.period()) {
        let marks = marks_around(quota, clock_reading(second + zone.offset(second)));
        marks
            .map(|mark| zone.first_reached(seconds(mark)))
            .collect()
    } else {
        let length = if quota.period() == Period::Hour {
            3_600
        } else {
            60
        };
        elapsed_starts(zone, length, second)
    };
    starts.sort_unstable();
    let next = starts.partition_point(|&start| start <= second);
    (starts[next - 1].max(0), starts[next])
}

fn clock_reading(local: i64) -> DateTime {
    let epoch = DateTime::constant(1970, 1, 1, 0, 0, 0, 0);
    epoch + jiff::SignedDuration::from_secs(local)
}

fn seconds(local: DateTime) -> i64 {
    let epoch = DateTime::constant(1970, 1, 1, 0, 0, 0, 0);
    local.duration_since(epoch).as_secs()
}

/// Every local time at which a period starts, a few periods to both sides.
fn marks_around(quota: &Quota, local: DateTime) -> impl Iterator<Item = DateTime> + '_ {
    let (period, anchor) = (quota.period(), quota.anchor());
    let weekday = anchor.weekday().map_or(0, |weekday| weekday as i8);
    let month = anchor.month().map_or(1, |month| month as i8);
    let starts_on = move |date: Date| match period {
        Period::Day => true,
        Period::Week => date.weekday() == Weekday::from_monday_zero_offset(weekday).unwrap(),
        _ => {
            let day = anchor.day().map_or(1, |day| day as i8);
            let in_month = match period {
                Period::Month => true,
                Period::Quarter => (date.month() - month) % 3 == 0,
                _ => date.month() == month,
            };
            in_month && date.day() == day.min(date.days_in_month())
        }
    };
    let days = match period {
        Period::Day => 4,
        Period::Week => 16,
        Period::Month => 70,
        Period::Quarter => 200,
        _ => 740,
    };
    let time = Time::midnight() + i64::from(anchor.time().unwrap_or(0)).seconds();
    (-days..=days)
        .map(move |day: i64| local.date() + day.days())
        .filter(move |&date| starts_on(date))
        .map(move |date| date.to_datetime(time))
}

/// Every second around `second` at which the clocks show, or jump over, a multiple of `length`.
fn elapsed_starts(zone: &Zone, length: i64, second: i64) -> Vec<i64> {
    let mut starts = Vec::new();
    for (from, to, offset, before) in zone.stretches() {
        let (low, high) = (from.max(second - 2 * length), to.min(second + 2 * length));
        starts.extend((low..high).filter(|t| (t + offset) % length == 0));
        let jumped = |from: i64| (from + before..from + offset).any(|local| local % length == 0);
        if low == from && from < high && jumped(from) {
            starts.push(from);
        }
    }
    starts
}

// -----------------------------------------------------------------------------------------------------------
// strategies

fn any_zone() -> impl Strategy<Value = Arc<Zone>> {
    prop_oneof![
        (0..PECULIAR.len()).prop_map(|i| zones()[i].clone()),
        (0..zones().len()).prop_map(|i| zones()[i].clone()),
        invented_zone(),
    ]
}

/// A zone as wild as can be: any change of offset at any second, as long as two days lie between.
fn invented_zone() -> impl Strategy<Value = Arc<Zone>> {
    let offset = prop_oneof![
        -DAY..=DAY,
        -4_000..4_000i64,
        (-96..=96i64).prop_map(|n| n * 900)
    ];
    let apart = prop_oneof![2 * DAY + 1..5 * DAY, 2 * DAY + 1..5_000 * DAY];
    let changes = proptest::collection::vec((apart, offset), 1..8);
    changes.prop_map(|changes| {
        let mut offsets = vec![(i64::MIN, 0)];
        let mut from = 0;
        for (apart, offset) in changes {
            from += apart;
            if offsets.last().is_some_and(|last| last.1 != offset) {
                offsets.push((from, offset));
            }
        }
        let name = "Invented/Land".to_owned();
        Arc::new(Zone { name, offsets })
    })
}

/// Anywhere until 2150, or near a change of offset.
fn any_instant(zone: Arc<Zone>) -> impl Strategy<Value = i64> {
    let near = |reach: i64| {
        let zone = zone.clone();
        (0..zone.offsets.len(), -reach..reach).prop_map(move |(i, by)| {
            let change = zone.offsets[i].0.max(0) * 1000;
            (change + by).clamp(0, HORIZON * 1000)
        })
    };
    prop_oneof![
        0..HORIZON * 1000,
        near(40 * DAY * 1000),
        near(2 * DAY * 1000),
        near(5_000_000),
        near(2_000)
    ]
}

fn any_time() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("00:00".to_owned()),
        (0..4, 0..60).prop_map(|(h, m)| format!("{h:02}:{m:02}")),
        (0..24, 0..60, 0..60).prop_map(|(h, m, s)| format!("{h:02}:{m:02}:{s:02}")),
    ]
}

fn any_anchor(period: Period) -> impl Strategy<Value = Anchor> {
    let time = proptest::option::of(any_time());
    let weekday = proptest::option::of(0..7usize);
    let day = proptest::option::of(prop_oneof![1..=31u64, 28..=31u64]);
    let month = proptest::option::of(1..=12u64);
    (time, weekday, day, month).prop_map(move |(time, weekday, day, month)| {
        let mut anchor = Anchor::default();
        if let Some(time) = time {
            anchor = anchor.with_time(&time).unwrap();
        }
        if let (Some(weekday), Period::Week) = (weekday, period) {
            anchor = anchor.with_weekday(WEEKDAYS[weekday]).unwrap();
        }
        if let (Some(day), true) = (day, period >= Period::Month) {
            anchor = anchor.with_day(day).unwrap();
        }
        if let (Some(month), true) = (month, period >= Period::Quarter) {
            anchor = anchor.with_month(month).unwrap();
        }
        anchor
    })
}

fn calendar_quota(zone: TimeZoneName) -> impl Strategy<Value = Quota> {
    proptest::sample::select(&CALENDAR[..]).prop_flat_map(move |period| {
        let zone = zone.clone();
        any_anchor(period)
            .prop_map(move |anchor| Quota::new(1, period, zone.clone(), anchor).unwrap())
    })
}

fn elapsed_quota(zone: TimeZoneName) -> impl Strategy<Value = Quota> {
    let periods = [Period::Minute, Period::Hour];
    proptest::sample::select(periods.to_vec())
        .prop_map(move |period| Quota::new(1, period, zone.clone(), Anchor::default()).unwrap())
}

fn any_quota(zone: TimeZoneName) -> impl Strategy<Value = Quota> {
    prop_oneof![3 => calendar_quota(zone.clone()), 1 => elapsed_quota(zone)]
}

/// A zone, a calendar quota in it and an instant in milliseconds.
fn calendar_case() -> impl Strategy<Value = (Arc<Zone>, Quota, i64)> {
    any_zone().prop_flat_map(|z| (Just(z.clone()), calendar_quota(z.name()), any_instant(z)))
}

fn any_case() -> impl Strategy<Value = (Arc<Zone>, Quota, i64)> {
    any_zone().prop_flat_map(|z| (Just(z.clone()), any_quota(z.name()), any_instant(z)))
}

fn ask(zone: &Zone, quota: &Quota, millis: i64) -> (i64, i64) {
    let asked = Asked {
        zone,
        times: Cell::new(0),
    };
    let now = Timestamp::from_millis(millis as u64);
    let Span { start, end } = period_at(quota, &asked, now).unwrap();
    (start.as_millis() as i64, end.as_millis() as i64)
}

// -----------------------------------------------------------------------------------------------------------
// properties

fn config() -> ProptestConfig {
    // Beside this file, since an integration test has no crate root to search for.
    let seeds = FileFailurePersistence::WithSource("proptest-regressions");
    ProptestConfig {
        failure_persistence: Some(Box::new(seeds)),
        ..ProptestConfig::with_cases(10_000)
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn days_and_longer_are_those_of_the_oracle((zone, quota, now) in calendar_case()) {
        let (start, end) = expected(&zone, &quota, now / 1000);
        prop_assert_eq!(ask(&zone, &quota, now), (start * 1000, end * 1000), "{} {:?}", zone.name, quota);
    }

    #[test]
    fn minutes_and_hours_are_those_of_the_oracle(
        (zone, quota, now) in any_zone().prop_flat_map(|z| (Just(z.clone()), elapsed_quota(z.name()), any_instant(z)))
    ) {
        let (start, end) = expected(&zone, &quota, now / 1000);
        prop_assert_eq!(ask(&zone, &quota, now), (start * 1000, end * 1000), "{} {:?}", zone.name, quota);
    }

    #[test]
    fn every_instant_lies_in_one_period_and_neighbours_touch(
        ((zone, quota, now), part) in (any_case(), 0.0..1.0f64)
    ) {
        let (start, end) = ask(&zone, &quota, now);
        prop_assert!(start <= now && now < end);
        let inside = start + ((end - start) as f64 * part) as i64;
        for same in [start, inside, end - 1] {
            prop_assert_eq!(ask(&zone, &quota, same), (start, end), "at {}", same);
        }
        prop_assert_eq!(ask(&zone, &quota, end).0, end);
        if start > 0 {
            prop_assert_eq!(ask(&zone, &quota, start - 1).1, start);
        }
    }

    #[test]
    fn a_period_starts_at_its_local_time_or_where_the_clocks_jump_over_it((zone, quota, now) in calendar_case()) {
        let end = ask(&zone, &quota, now).1 / 1000;
        let shown = clock_reading(end + zone.offset(end));
        let before = clock_reading(end - 1 + zone.offset(end - 1));
        let exact = marks_around(&quota, shown).any(|mark| mark == shown);
        let jumped = marks_around(&quota, shown).any(|mark| before < mark && mark < shown);
        prop_assert!(exact || jumped, "{} shows {}", zone.name, shown);
    }

    #[test]
    fn clocks_set_back_start_no_second_day((zone, quota, now) in calendar_case()) {
        let (start, end) = ask(&zone, &quota, now);
        let shown = |millis: i64| millis / 1000 + zone.offset(millis / 1000);
        prop_assert!(shown(start) < shown(end));
        // The clocks never showed the mark before it started the period, in the two days in which
        // they might have.
        let earlier = (end / 1000 - 2 * DAY..end / 1000).step_by(60);
        prop_assert!(earlier.clone().all(|second| second + zone.offset(second) < shown(end)));
    }

    #[test]
    fn a_zone_is_asked_few_times((zone, quota, now) in any_case()) {
        let asked = Asked { zone: &zone, times: Cell::new(0) };
        let span = period_at(&quota, &asked, Timestamp::from_millis(now as u64)).unwrap();
        let near = |&(from, _): &(i64, i64)| {
            let edges = [span.start, span.end].map(|edge| edge.as_millis() as i64 / 1000);
            edges.iter().any(|edge| (from - 2 * DAY..from + 2 * DAY).contains(edge))
        };
        let most = if quota.time_zone().is_utc() {
            0
        } else if !zone.offsets[1..].iter().any(near) {
            5
        } else {
            MAX_QUESTIONS
        };
        prop_assert!(asked.times.get() <= most, "{} times", asked.times.get());
    }

    #[test]
    fn utc_is_exact_until_the_last_instant_and_asks_nobody(
        quota in any_quota(TimeZoneName::default()), now in 0..=1u64 << 53
    ) {
        let now = Timestamp::from_millis(now);
        let span = period_at(&quota, &UtcOnly, now).unwrap();
        prop_assert!(span.start <= now && (now < span.end || span.end == Timestamp::MAX));
        prop_assert_eq!(period_at(&quota, &UtcOnly, span.start).unwrap(), span);
    }

    #[test]
    fn a_zone_that_contradicts_itself_still_gets_a_period_around_now(
        (quota, now, lies) in (any_quota(TimeZoneName::stored("Nowhere/Land").unwrap()), 0..=1u64 << 53, any::<u64>())
    ) {
        let now = Timestamp::from_millis(now);
        let span = period_at(&quota, &Liar(lies), now).unwrap();
        prop_assert!(span.start <= now && (now < span.end || span.end == Timestamp::MAX));
    }
}

/// Gives any number for an offset, another one each second.
struct Liar(u64);

impl TimeZone for Liar {
    fn offset_at(&self, _: &TimeZoneName, instant: Timestamp) -> Option<i32> {
        Some((instant.as_millis() ^ self.0).wrapping_mul(0x9E37_79B9_7F4A_7C15) as i32)
    }
}

// -----------------------------------------------------------------------------------------------------------
// exhaustive

#[test]
fn every_zone_changes_at_most_once_in_48_hours_and_by_at_most_a_day() {
    for zone in zones() {
        for pair in zone.offsets[1..].windows(2) {
            assert!(
                pair[1].0 - pair[0].0 > 2 * DAY,
                "{} at {}",
                zone.name,
                pair[1].0
            );
        }
        assert!(zone.offsets.iter().all(|&(_, offset)| offset.abs() <= DAY));
    }
}

/// Also when it is forgotten on the way, as the zones of a long time are.
#[test]
fn what_is_remembered_of_a_zone_is_what_it_says() {
    for zone in zones() {
        let times = Cell::new(0);
        let remembered = Remembered::new(Asked { zone, times });
        let name = zone.name();
        let offset = |second: i64| {
            let second = Timestamp::from_millis(second as u64 * 1_000 + 999);
            remembered.offset_at(&name, second).map(i64::from)
        };
        let mut asked = 0;
        for &(from, _) in zone.offsets[1..]
            .iter()
            .filter(|&&(from, _)| from > 2 * DAY)
        {
            for second in [
                from,
                from - 1,
                from + 1,
                from - 2 * DAY,
                from + DAY,
                from - 3_600,
            ] {
                assert_eq!(
                    offset(second),
                    Some(zone.offset(second)),
                    "{} {second}",
                    zone.name
                );
                asked += 1;
            }
        }
        assert!(
            asked == 0 || times_of(&remembered) < 9 * asked,
            "{}",
            zone.name
        );
        assert_eq!(
            offset(9_007_199_254_740),
            Some(zone.offset(8_640_000_000_000))
        );
        let nowhere = TimeZoneName::stored("Nowhere/Land").unwrap();
        assert_eq!(remembered.offset_at(&nowhere, Timestamp::ZERO), None);
    }
}

fn times_of(remembered: &Remembered<Asked>) -> u32 {
    remembered.zones().times.get()
}

#[test]
fn every_day_since_1970_follows_the_one_before_in_every_peculiar_zone() {
    for zone in &zones()[..PECULIAR.len()] {
        let quota = Quota::new(1, Period::Day, zone.name(), Anchor::default()).unwrap();
        let last = 2_200_000_000;
        // Every midnight of the calendar, where the clocks first reach it; midnights of skipped
        // days fall together.
        let mut starts: Vec<i64> = (0..)
            .map(|day| zone.first_reached(day * DAY))
            .take_while(|&start| start <= last)
            .collect();
        starts.dedup();
        let first = starts.iter().position(|&start| start >= 0).unwrap();
        let mut start = starts[first];
        for &expected in &starts[first..] {
            assert_eq!(start, expected, "{}", zone.name);
            start = ask(zone, &quota, start * 1000).1 / 1000;
        }
    }
}

// ------------------------------------------------------------------------------------------------------
// days worth a name

/// What happened, zone, period, an instant, and the period around it, all as text.
type Row = (
    &'static str,
    &'static str,
    Quota,
    &'static str,
    &'static str,
    &'static str,
);

fn quota(period: &str, zone: &str, anchor: Anchor) -> Quota {
    let zone = TimeZoneName::new(zone).unwrap();
    Quota::new(1, Period::parse(period).unwrap(), zone, anchor).unwrap()
}

fn check(rows: &[Row]) {
    let millis = |text: &str| text.parse::<jiff::Timestamp>().unwrap().as_millisecond();
    for (what, zone, quota, now, start, end) in rows {
        let zone = zones().iter().find(|z| z.name == *zone).unwrap();
        let found = ask(zone, quota, millis(now));
        assert_eq!(found, (millis(start), millis(end)), "{what}");
    }
}

fn row(
    what: &'static str,
    zone: &'static str,
    (period, anchor): (&str, Anchor),
    now: &'static str,
    start: &'static str,
    end: &'static str,
) -> Row {
    (what, zone, quota(period, zone, anchor), now, start, end)
}

#[test]
fn days_when_clocks_change_have_their_real_length() {
    let day = ("day", Anchor::default());
    let at = |time| ("day", Anchor::default().with_time(time).unwrap());
    #[rustfmt::skip]
    check(&[
        row("23 hours", "Europe/Berlin", day,
            "2026-03-29T12:00+02", "2026-03-29T00:00+01", "2026-03-30T00:00+02"),
        row("25 hours", "Europe/Berlin", day,
            "2026-10-25T02:30+01", "2026-10-25T00:00+02", "2026-10-26T00:00+01"),
        row("22 hours", "Antarctica/Troll", day,
            "2026-03-29T12:00+02", "2026-03-29T00:00+00", "2026-03-30T00:00+02"),
        row("an anchor in the gap starts at the jump", "America/New_York", at("02:30"),
            "2026-03-08T12:00-04", "2026-03-08T03:00-04", "2026-03-09T02:30-04"),
        row("an anchor at the gap's start starts at the jump", "America/New_York", at("02:00"),
            "2026-03-08T03:00-04", "2026-03-08T03:00-04", "2026-03-09T02:00-04"),
        row("an anchor at the gap's end starts there", "America/New_York", at("03:00"),
            "2026-03-08T03:00-04", "2026-03-08T03:00-04", "2026-03-09T03:00-04"),
        row("an anchor in the repeated hour: the first time", "America/New_York", at("01:30"),
            "2026-11-01T01:30-05", "2026-11-01T01:30-04", "2026-11-02T01:30-05"),
        row("clocks set back to before the anchor: still the new day", "America/New_York", at("01:30"),
            "2026-11-01T01:10-05", "2026-11-01T01:30-04", "2026-11-02T01:30-05"),
        row("no midnight", "America/Sao_Paulo", day,
            "2018-11-04T01:00-02", "2018-11-04T01:00-02", "2018-11-05T00:00-02"),
        row("the day before there is no midnight", "America/Sao_Paulo", day,
            "2018-11-03T23:59:59.999-03", "2018-11-03T00:00-03", "2018-11-04T01:00-02"),
        row("midnight back to 23:00: not a new day yet", "America/Sao_Paulo", day,
            "2018-02-17T23:30-03", "2018-02-17T00:00-02", "2018-02-18T00:00-03"),
        row("no midnight", "Asia/Beirut", day,
            "2025-03-30T12:00+03", "2025-03-30T01:00+03", "2025-03-31T00:00+03"),
        row("no midnight", "Africa/Cairo", day,
            "2024-04-26T01:00+03", "2024-04-26T01:00+03", "2024-04-27T00:00+03"),
        row("midnight twice", "America/Havana", day,
            "2025-11-02T00:30-05", "2025-11-02T00:00-04", "2025-11-03T00:00-05"),
        row("a minute past midnight back to 23:01: the day has begun", "America/St_Johns", day,
            "2006-10-28T23:30-03:30", "2006-10-29T00:00-02:30", "2006-10-30T00:00-03:30"),
        row("the day before one that never was", "Pacific/Apia", day,
            "2011-12-29T23:59:59-10", "2011-12-29T00:00-10", "2011-12-31T00:00+14"),
        row("the day after one that never was", "Pacific/Apia", day,
            "2011-12-31T00:00+14", "2011-12-31T00:00+14", "2012-01-01T00:00+14"),
        row("an anchor on the day that never was", "Pacific/Apia", at("09:00"),
            "2011-12-31T05:00+14", "2011-12-31T00:00+14", "2011-12-31T09:00+14"),
        row("15 minutes that never were", "Asia/Kathmandu", day,
            "1986-01-01T00:15+05:45", "1986-01-01T00:15+05:45", "1986-01-02T00:00+05:45"),
        row("44 minutes and 30 seconds that never were", "Africa/Monrovia", day,
            "1972-01-07T12:00+00", "1972-01-07T00:44:30Z", "1972-01-08T00:00+00"),
        row("half an hour", "Australia/Lord_Howe", day,
            "2026-04-05T12:00+10:30", "2026-04-05T00:00+11", "2026-04-06T00:00+10:30"),
    ]);
}

#[test]
fn weeks_months_quarters_and_years_start_where_they_are_anchored() {
    let plain = |period| (period, Anchor::default());
    let day = |period, day| (period, Anchor::default().with_day(day).unwrap());
    let sunday = Anchor::default().with_weekday("sunday").unwrap();
    let april6 = Anchor::default()
        .with_month(4)
        .unwrap()
        .with_day(6)
        .unwrap();
    let february29 = Anchor::default()
        .with_month(2)
        .unwrap()
        .with_day(29)
        .unwrap();
    let november_8am = Anchor::default()
        .with_month(11)
        .unwrap()
        .with_time("08:00")
        .unwrap();
    #[rustfmt::skip]
    check(&[
        row("a week across years", "UTC", plain("week"),
            "2026-01-01T00:00Z", "2025-12-29T00:00Z", "2026-01-05T00:00Z"),
        row("a week from Sunday", "America/New_York", ("week", sunday),
            "2026-03-08T12:00-04", "2026-03-08T00:00-05", "2026-03-15T00:00-04"),
        row("the first week starts with the epoch", "UTC", plain("week"),
            "1970-01-01T00:00Z", "1970-01-01T00:00Z", "1970-01-05T00:00Z"),
        row("a leap February", "UTC", plain("month"),
            "2028-02-29T23:59:59.999Z", "2028-02-01T00:00Z", "2028-03-01T00:00Z"),
        row("2100 is no leap year", "UTC", plain("month"),
            "2100-02-28T23:59:59.999Z", "2100-02-01T00:00Z", "2100-03-01T00:00Z"),
        row("the 31st clamped to February", "UTC", day("month", 31),
            "2026-02-28T00:00Z", "2026-02-28T00:00Z", "2026-03-31T00:00Z"),
        row("the 31st clamped to a leap February", "UTC", day("month", 31),
            "2028-02-28T00:00Z", "2028-01-31T00:00Z", "2028-02-29T00:00Z"),
        row("the 31st clamped to April", "UTC", day("month", 31),
            "2026-04-29T00:00Z", "2026-03-31T00:00Z", "2026-04-30T00:00Z"),
        row("a month's end across years", "Europe/Berlin", day("month", 15),
            "2027-01-01T00:00+01", "2026-12-15T00:00+01", "2027-01-15T00:00+01"),
        row("quarters", "Europe/Berlin", plain("quarter"),
            "2026-05-17T00:00+02", "2026-04-01T00:00+02", "2026-07-01T00:00+02"),
        row("quarters so that one starts in November", "UTC", ("quarter", november_8am),
            "2026-02-01T07:59Z", "2025-11-01T08:00Z", "2026-02-01T08:00Z"),
        row("a year's last millisecond", "Asia/Kathmandu", plain("year"),
            "2026-12-31T23:59:59.999+05:45", "2026-01-01T00:00+05:45", "2027-01-01T00:00+05:45"),
        row("a tax year", "Europe/London", ("year", april6),
            "2026-04-05T23:59:59+01", "2025-04-06T00:00+01", "2026-04-06T00:00+01"),
        row("from the leap day", "UTC", ("year", february29),
            "2028-02-28T12:00Z", "2027-02-28T00:00Z", "2028-02-29T00:00Z"),
    ]);
}

#[test]
fn minutes_and_hours_are_elapsed_time() {
    let (minute, hour) = (("minute", Anchor::default()), ("hour", Anchor::default()));
    #[rustfmt::skip]
    check(&[
        row("the hour before it is repeated", "Europe/Berlin", hour,
            "2026-10-25T02:30+02", "2026-10-25T02:00+02", "2026-10-25T02:00+01"),
        row("the hour that is repeated", "Europe/Berlin", hour,
            "2026-10-25T02:30+01", "2026-10-25T02:00+01", "2026-10-25T03:00+01"),
        row("the minute before clocks are set back", "Europe/Berlin", minute,
            "2026-10-25T02:59:30+02", "2026-10-25T02:59+02", "2026-10-25T02:00+01"),
        row("the hour before a gap", "Europe/Berlin", hour,
            "2026-03-29T01:30+01", "2026-03-29T01:00+01", "2026-03-29T03:00+02"),
        row("hours of a zone between the hours", "Asia/Kathmandu", hour,
            "2026-01-01T10:59+05:45", "2026-01-01T10:00+05:45", "2026-01-01T11:00+05:45"),
        row("half an hour back prolongs the hour", "Australia/Lord_Howe", hour,
            "2026-04-05T01:45+10:30", "2026-04-05T01:00+11", "2026-04-05T02:00+10:30"),
        row("half an hour forth starts the next", "Australia/Lord_Howe", hour,
            "2026-10-04T02:45+11", "2026-10-04T02:30+11", "2026-10-04T03:00+11"),
        row("seconds of a minute that a jump left over", "Africa/Monrovia", minute,
            "1972-01-07T00:44:45Z", "1972-01-07T00:44:30Z", "1972-01-07T00:45Z"),
    ]);
}

#[test]
fn the_last_period_ends_with_time_and_includes_its_end() {
    for period in ["minute", "hour", "day", "week", "month", "quarter", "year"] {
        let quota = quota(period, "UTC", Anchor::default());
        let span = period_at(&quota, &UtcOnly, Timestamp::MAX).unwrap();
        assert_eq!(span.end, Timestamp::MAX);
        assert!(span.start < span.end);
        let before = Timestamp::from_millis(span.start.as_millis() - 1);
        assert_eq!(period_at(&quota, &UtcOnly, before).unwrap().end, span.start);
    }
}

#[test]
fn a_zone_is_never_asked_past_the_last_date_of_javascript() {
    let day = quota("day", "Europe/Berlin", Anchor::default());
    let zone = zones().iter().find(|z| z.name == "Europe/Berlin").unwrap();
    // `Asked` refuses later dates. The list of changes ends in winter time.
    let (start, end) = ask(zone, &day, (1 << 53) - DAY * 1000);
    assert_eq!(
        (end - start, start % (DAY * 1000)),
        (DAY * 1000, 82_800_000)
    );
}

#[test]
fn a_zone_that_does_not_exist_is_named() {
    let zone = TimeZoneName::stored("Europe/Atlantis").unwrap();
    let quota = Quota::new(1, Period::Minute, zone.clone(), Anchor::default()).unwrap();
    let found = period_at(&quota, &UtcOnly, Timestamp::ZERO);
    assert_eq!(found, Err(UnknownTimeZone { zone }));
}
