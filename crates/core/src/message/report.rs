//! The texts of reports and of what they did.

use super::{duration, instant};
use crate::codec::{Line, LineWriter, Unreadable};
use crate::report::{
    Adjusted, BreakerState, Broken, Closed, ClosedBy, Heeded, Report, Reported, Told, Unfit, When,
};
use crate::row::{get_limit, get_policy, put_limits_of, put_policy};
use crate::{Duration, Timestamp};

pub(super) fn put_report(line: LineWriter, report: &Report) -> LineWriter {
    let line = put_policy(line, &report.policy)
        .put("status", report.status)
        .flag("refused", report.refused)
        .put("age", report.age.as_millis())
        .put_some("count", (report.count != 1).then_some(report.count))
        .put_some("inUse", report.in_use);
    let line = put_when(line, "wait", report.wait);
    let line = put_text(line, "of", report.limit.as_deref()).text("by", &report.by);
    let line = put_limits_of(line, &report.policy);
    report.limits.iter().fold(line, |line, told| {
        let line = put_text(line.and("told"), "name", told.name.as_deref())
            .put_some("limit", told.limit)
            .put_some("remaining", told.remaining)
            .put_some("window", told.window.map(Duration::as_millis));
        put_when(line, "reset", told.reset)
    })
}

pub(super) fn get_report<'a>(
    line: &Line,
    lines: impl Iterator<Item = Line<'a>>,
) -> Result<Report, Unreadable> {
    let (mut limits, mut told) = (Vec::new(), Vec::new());
    for line in lines {
        match line.word() {
            "limit" => limits.push(get_limit(&line)?),
            "told" => told.push(get_told(&line)?),
            _ => return Err(Unreadable::Damaged("word")),
        }
    }
    Ok(Report {
        policy: get_policy(line, limits)?,
        limit: get_text(line, "of")?,
        status: line.needed("status")?,
        refused: line.flag("refused"),
        wait: get_when(line, "wait")?,
        limits: told,
        age: Duration::from_millis(line.needed("age")?),
        by: line.text("by")?,
        count: line.number("count")?.unwrap_or(1),
        in_use: line.number("inUse")?,
    })
}

fn get_told(line: &Line) -> Result<Told, Unreadable> {
    Ok(Told {
        name: get_text(line, "name")?,
        limit: line.number("limit")?,
        remaining: line.number("remaining")?,
        reset: get_when(line, "reset")?,
        window: duration(line, "window")?,
    })
}

fn put_text(line: LineWriter, key: &str, text: Option<&str>) -> LineWriter {
    match text {
        Some(text) => line.text(key, text),
        None => line,
    }
}

fn get_text(line: &Line, key: &'static str) -> Result<Option<String>, Unreadable> {
    line.get(key).map(|_| line.text(key)).transpose()
}

/// A time from the answer on has a plus in front.
fn put_when(line: LineWriter, key: &str, when: Option<When>) -> LineWriter {
    match when {
        None => line,
        Some(When::At(at)) => line.put(key, at.as_millis()),
        Some(When::After(after)) => line.put(key, format_args!("+{}", after.as_millis())),
    }
}

fn get_when(line: &Line, key: &'static str) -> Result<Option<When>, Unreadable> {
    let when = |text: &str| {
        let (is_after, digits) = match text.strip_prefix('+') {
            Some(digits) => (true, digits),
            None => (false, text),
        };
        let millis = digits.parse().map_err(|_| Unreadable::Damaged(key))?;
        Ok(match is_after {
            true => When::After(Duration::from_millis(millis)),
            false => When::At(Timestamp::from_millis(millis)),
        })
    };
    line.get(key).map(when).transpose()
}

/// Adds how a gate is closed.
pub(super) fn put_closed(line: LineWriter, closed: Option<&Closed>) -> LineWriter {
    match closed {
        Some(closed) => line
            .put("closedUntil", closed.until.as_millis())
            .put("cause", closed.cause.word())
            .text("by", &closed.by),
        None => line,
    }
}

/// Reads it.
pub(super) fn get_closed(line: &Line) -> Result<Option<Closed>, Unreadable> {
    let Some(word) = line.get("cause") else {
        return Ok(None);
    };
    Ok(Some(Closed {
        until: instant(line, "closedUntil")?,
        cause: ClosedBy::from_word(word).ok_or(Unreadable::Damaged("cause"))?,
        by: line.text("by")?,
    }))
}

/// Adds how a breaker stands.
pub(super) fn put_broken(line: LineWriter, broken: Option<&Broken>) -> LineWriter {
    match broken {
        Some(broken) => line
            .put("breaker", broken.state.word())
            .put("failures", broken.failures)
            .put_some("openUntil", broken.until.map(Timestamp::as_millis)),
        None => line,
    }
}

/// Reads it.
pub(super) fn get_broken(line: &Line) -> Result<Option<Broken>, Unreadable> {
    let Some(word) = line.get("breaker") else {
        return Ok(None);
    };
    Ok(Some(Broken {
        state: BreakerState::from_word(word).ok_or(Unreadable::Damaged("breaker"))?,
        failures: line.needed("failures")?,
        until: line.number("openUntil")?.map(Timestamp::from_millis),
    }))
}

pub(super) fn put_reported(line: LineWriter, reported: &Reported) -> LineWriter {
    let line = line
        .put("at", reported.at.as_millis())
        .flag("cut", reported.is_cut)
        .flag("late", reported.is_late);
    let line = put_closed(line, reported.gate.as_ref());
    let line = put_broken(line, reported.breaker.as_ref());
    let line = match &reported.adapted {
        Some(it) => put_change(line.and("adapted"), &it.limit, (it.from, it.to)),
        None => line,
    };
    let put = |line: LineWriter, heeded: &Heeded| match heeded {
        Heeded::Of { limit, from, to } => put_change(line.and("moved"), limit, (*from, *to)),
        Heeded::Ignored(why) => line.and("ignored").put("why", why.word()),
    };
    reported.limits.iter().fold(line, put)
}

fn put_change(line: LineWriter, limit: &str, (from, to): (u64, u64)) -> LineWriter {
    line.text("limit", limit).put("from", from).put("to", to)
}

pub(super) fn get_reported<'a>(
    line: &Line,
    lines: impl Iterator<Item = Line<'a>>,
) -> Result<Reported, Unreadable> {
    let (mut limits, mut adapted) = (Vec::new(), None);
    for line in lines {
        let change = || -> Result<_, Unreadable> {
            Ok(Adjusted {
                limit: line.text("limit")?,
                from: line.needed("from")?,
                to: line.needed("to")?,
            })
        };
        match line.word() {
            "adapted" => adapted = Some(change()?),
            "moved" => {
                let Adjusted { limit, from, to } = change()?;
                limits.push(Heeded::Of { limit, from, to });
            }
            "ignored" => {
                let why = line.get("why").and_then(Unfit::from_word);
                // A reason that a newer build tells is one all the same.
                limits.push(Heeded::Ignored(why.unwrap_or(Unfit::AnotherLimit)));
            }
            _ => return Err(Unreadable::Damaged("word")),
        }
    }
    Ok(Reported {
        at: instant(line, "at")?,
        gate: get_closed(line)?,
        is_cut: line.flag("cut"),
        is_late: line.flag("late"),
        breaker: get_broken(line)?,
        adapted,
        limits,
    })
}
