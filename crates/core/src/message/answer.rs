//! The answers of an object, and their texts.

use tollgate_versions::Version;

use super::lease::{get_loan, put_loan};
use super::permits::{get_objects, get_settled, get_topped, put_objects, put_settled, put_topped};
use super::refusal_code::RefusalCode;
use super::report::{get_broken, get_closed, get_reported, put_broken, put_closed, put_reported};
use super::shares::{get_shares, shares_text};
use super::{duration, hex, instant, optional_bits, policy_name, MESSAGES};
use crate::block::Block;
use crate::codec::{Line, LineWriter, Unreadable};
use crate::decision::{Decision, Grant, Granted, Reason, Recognition, Standing};
use crate::report::Reported;
use crate::row::{
    costs_text, get_costs, get_limit, get_policy, get_version, items, put_limit, put_limits_of,
    put_policy, put_version,
};
use crate::subject_state::{get_clock, put_clock, Denial, LimitStatus, Place, Refusal, Status};
use crate::subject_state::{OutlookStatus, StageChange, StageStatus, StepChange};
use crate::subject_state::{Settled, Topped};
use crate::{Duration, Limit, Timestamp};

/// An answer of the object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// To [`Call::Limit`](super::Call::Limit): one decision an item.
    Decided(Vec<Decision>),
    /// To [`Call::Status`](super::Call::Status).
    Status(Status),
    /// To [`Call::Next`](super::Call::Next): the time from the object's present until each of the
    /// next admissions, rising. Fewer than were asked for where the next one never comes.
    Next(Vec<Duration>),
    /// To [`Call::Stage`](super::Call::Stage).
    Staged(StageChange),
    /// To [`Call::Report`](super::Call::Report).
    Reported(Reported),
    /// To [`Call::Renew`](super::Call::Renew).
    Renewed {
        /// The permit.
        grant: Grant,
        /// The objects that have further parts of it.
        others: Vec<String>,
    },
    /// To [`Call::Settle`](super::Call::Settle).
    Settled(Settled),
    /// To [`Call::TopUp`](super::Call::TopUp).
    Topped(Topped),
    /// To [`Call::Recorded`](super::Call::Recorded).
    Recorded {
        /// The answer to the call.
        answer: Box<Answer>,
        /// When it was answered, by the object's clock.
        at: Timestamp,
        /// Where it stands among all calls of the subject.
        place: Place,
        /// The rows of the state before it, key and text, where they were asked for.
        state: Vec<(String, String)>,
    },
    /// To the rest.
    Done,
    /// The same, of a block: units that are lent may be spent for so long. A Worker of a build from
    /// before takes it for [`Answer::Done`].
    DoneLater(Duration),
    /// Not done, and why.
    Refused(RefusalCode, String),
}

impl From<&Refusal> for Answer {
    fn from(refusal: &Refusal) -> Answer {
        use Refusal;
        match refusal {
            Refusal::UnknownTimeZone(zone) => {
                Answer::Refused(RefusalCode::UnknownTimeZone, zone.clone())
            }
            Refusal::UnknownPermit => Answer::Refused(RefusalCode::UnknownPermit, String::new()),
            Refusal::PermitEnded(how) => {
                Answer::Refused(RefusalCode::PermitEnded, how.word().to_owned())
            }
            Refusal::IsPlace => Answer::Refused(RefusalCode::IsPlace, String::new()),
            Refusal::NotHeld(name) => Answer::Refused(RefusalCode::NotHeld, name.clone()),
            Refusal::TooManyPermits => Answer::Refused(RefusalCode::TooManyPermits, String::new()),
            Refusal::TooManyLimits(names) => {
                Answer::Refused(RefusalCode::TooManyLimits, names.to_string())
            }
            Refusal::TooManyDefinitions(name) => {
                Answer::Refused(RefusalCode::TooManyLimits, format!("name/{name}"))
            }
            Refusal::UnknownDefinition(name) => {
                Answer::Refused(RefusalCode::UnknownDefinition, name.clone())
            }
            Refusal::KeyReused => Answer::Refused(RefusalCode::KeyReused, String::new()),
            Refusal::Cancelled => Answer::Refused(RefusalCode::Cancelled, String::new()),
            Refusal::TooManyOperations => {
                Answer::Refused(RefusalCode::Unavailable, refusal.to_string())
            }
            Refusal::Unavailable(why) => Answer::Refused(RefusalCode::Unavailable, why.to_string()),
        }
    }
}

impl Answer {
    /// The answer as text, in the version of the call.
    pub fn encode_in(&self, version: Version) -> String {
        let new = |word| LineWriter::new(version, word);
        match self {
            Answer::Decided(decisions) => decisions.iter().fold(new("decided"), put_decision),
            Answer::Status(status) => put_status(new("status"), status),
            Answer::Next(next) => (next.iter()).fold(new("next"), |line, after| {
                line.and("admission").put("after", after.as_millis())
            }),
            Answer::Staged(change) => put_staged(new("staged"), change),
            Answer::Reported(reported) => put_reported(new("reported"), reported),
            Answer::Renewed { grant, others } => {
                put_objects(put_grant(new("renewed"), Some(grant)), others)
            }
            Answer::Settled(settled) => put_settled(new("settled"), settled),
            Answer::Topped(topped) => put_topped(new("topped"), topped),
            Answer::Recorded {
                answer,
                at,
                place,
                state,
            } => {
                let line = new("recorded")
                    .put("at", at.as_millis())
                    .put("since", place.since.as_millis())
                    .put("number", place.number);
                let put = |line: LineWriter, (key, text): &(String, String)| {
                    line.and("row").text("key", key).text("text", text)
                };
                let line = state.iter().fold(line, put).finish();
                return format!("{line}\n{}", answer.encode_in(version));
            }
            Answer::Done => new("done"),
            Answer::DoneLater(after) => new("done").put("after", after.as_millis()),
            Answer::Refused(code, detail) => new("refused")
                .put("code", code.word())
                .text("detail", detail),
        }
        .finish()
    }

    /// Reads an answer.
    pub fn decode(text: &str) -> Result<Answer, Unreadable> {
        let mut lines = Line::versioned(text, MESSAGES)?
            .1
            .split('\n')
            .map(Line::parse);
        let line = lines.next().ok_or(Unreadable::Damaged("empty"))?;
        Ok(match line.word() {
            "decided" => Answer::Decided(get_decisions(lines)?),
            "status" => Answer::Status(get_status(&line, lines)?),
            "next" => Answer::Next(get_next(lines)?),
            "staged" => Answer::Staged(get_staged(lines)?),
            "reported" => Answer::Reported(get_reported(&line, lines)?),
            "renewed" => Answer::Renewed {
                grant: get_grant(&line)?.ok_or(Unreadable::Damaged("permit"))?,
                others: get_objects(lines)?,
            },
            "settled" => Answer::Settled(get_settled(&line, lines)?),
            "topped" => Answer::Topped(get_topped(&line, lines)?),
            "recorded" => get_recorded(text, &line)?,
            "done" => duration(&line, "after")?.map_or(Answer::Done, Answer::DoneLater),
            "refused" => {
                let code = RefusalCode::ALL
                    .into_iter()
                    .find(|code| Some(code.word()) == line.get("code"));
                Answer::Refused(
                    code.unwrap_or(RefusalCode::Unavailable),
                    line.text("detail")?,
                )
            }
            _ => return Err(Unreadable::Damaged("word")),
        })
    }
}

/// An answer behind the rows of the state before it.
fn get_recorded(text: &str, line: &Line) -> Result<Answer, Unreadable> {
    let mut state = Vec::new();
    let (_, mut rest) = text.split_once('\n').ok_or(Unreadable::Damaged("answer"))?;
    while let Some((row, behind)) = rest.split_once('\n') {
        let row = Line::parse(row);
        if row.word() != "row" {
            break;
        }
        state.push((row.text("key")?, row.text("text")?));
        rest = behind;
    }
    let answer = Answer::decode(rest)?;
    if matches!(answer, Answer::Recorded { .. }) {
        return Err(Unreadable::Damaged("answer")); // no call is recorded twice
    }
    Ok(Answer::Recorded {
        answer: Box::new(answer),
        at: instant(line, "at")?,
        place: Place {
            since: instant(line, "since")?,
            number: line.needed("number")?,
        },
        state,
    })
}

fn get_next<'a>(lines: impl Iterator<Item = Line<'a>>) -> Result<Vec<Duration>, Unreadable> {
    let after = lines.map(|line| match line.word() {
        "admission" => line.needed("after").map(Duration::from_millis),
        _ => Err(Unreadable::Damaged("word")),
    });
    after.collect()
}

fn put_grant(line: LineWriter, grant: Option<&Grant>) -> LineWriter {
    match grant {
        Some(grant) => line
            .put("permit", hex(grant.permit))
            .put("fence", grant.fence)
            .put("expires", grant.expires.as_millis()),
        None => line,
    }
}

fn get_grant(line: &Line) -> Result<Option<Grant>, Unreadable> {
    let Some(permit) = optional_bits(line, "permit")? else {
        return Ok(None);
    };
    Ok(Some(Grant {
        permit,
        fence: line.needed("fence")?,
        expires: instant(line, "expires")?,
    }))
}

fn put_decision(line: LineWriter, decision: &Decision) -> LineWriter {
    let line = line
        .and("decision")
        .put("at", decision.at.as_millis())
        .flag("success", decision.success)
        .put_some("reason", decision.reason.map(plain))
        .put_some("exactly", decision.reason.and_then(exactly))
        .put_some("deciding", decision.deciding)
        .put_some("retryAfter", decision.retry_after.map(Duration::as_millis))
        .put_some("delay", decision.delay.map(Duration::as_millis))
        .put("cacheFor", decision.cache_for.as_millis())
        .flag("contended", decision.contended)
        .flag("keeps", decision.keeps_policy)
        .flag("whileLent", decision.while_lent);
    let line = put_loan(line, decision.loan.as_deref());
    let line = match decision.granted.as_deref() {
        Some(granted) => put_granted(line, granted),
        None => line,
    };
    let line = put_recognition(line, decision.recognition);
    let line = put_grant(line, decision.grant.as_deref());
    let line = match decision.newer.as_deref() {
        Some(newer) => put_limits_of(put_policy(line, newer), newer),
        None => line,
    };
    decision.limits.iter().fold(line, |line, standing| {
        line.and("standing")
            .put("limit", standing.limit)
            .put("remaining", standing.remaining)
            .put("reset", standing.reset.as_millis())
            .put_some("refused", standing.refused.map(Reason::word))
            .put_some("retryAt", standing.retry_at.map(Timestamp::as_millis))
    })
}

/// What a Worker of a build from before takes a reason for.
fn plain(reason: Reason) -> &'static str {
    match reason {
        Reason::CoolDown | Reason::Breaker => Reason::Blocked.word(),
        reason => reason.word(),
    }
}

/// The reason itself, where [`plain`] tells another.
fn exactly(reason: Reason) -> Option<&'static str> {
    (plain(reason) != reason.word()).then(|| reason.word())
}

fn reason_of(line: &Line) -> Result<Option<Reason>, Unreadable> {
    match reason(line, "exactly")? {
        None => reason(line, "reason"),
        exactly => Ok(exactly),
    }
}

fn reason(line: &Line, key: &'static str) -> Result<Option<Reason>, Unreadable> {
    line.get(key)
        .map(|word| Reason::from_word(word).ok_or(Unreadable::Damaged(key)))
        .transpose()
}

fn get_decisions<'a>(lines: impl Iterator<Item = Line<'a>>) -> Result<Vec<Decision>, Unreadable> {
    let mut parts: Vec<(Line, Vec<Standing>, Vec<Limit>)> = Vec::with_capacity(1);
    for line in lines {
        match (line.word(), parts.last_mut()) {
            ("decision", _) => parts.push((line, Vec::with_capacity(1), Vec::new())),
            ("standing", Some((_, standings, _))) => standings.push(get_standing(&line)?),
            ("limit", Some((_, _, limits))) => limits.push(get_limit(&line)?),
            _ => return Err(Unreadable::Damaged("word")),
        }
    }
    parts
        .into_iter()
        .map(|(line, standings, limits)| get_decision(&line, standings, limits))
        .collect()
}

fn get_standing(line: &Line) -> Result<Standing, Unreadable> {
    Ok(Standing {
        limit: line.needed("limit")?,
        remaining: line.needed("remaining")?,
        reset: instant(line, "reset")?,
        refused: reason(line, "refused")?,
        retry_at: line.number("retryAt")?.map(Timestamp::from_millis),
    })
}

fn get_decision(
    line: &Line,
    standings: Vec<Standing>,
    limits: Vec<Limit>,
) -> Result<Decision, Unreadable> {
    // Only a newer policy is told, and a policy has limits.
    let newer = (!limits.is_empty()).then(|| get_policy(line, limits));
    Ok(Decision {
        at: instant(line, "at")?,
        success: line.flag("success"),
        reason: reason_of(line)?,
        deciding: line.number("deciding")?,
        retry_after: duration(line, "retryAfter")?,
        delay: duration(line, "delay")?,
        limits: standings.into_iter().collect(),
        grant: get_grant(line)?.map(Box::new),
        granted: get_granted(line)?.map(Box::new),
        cache_for: duration(line, "cacheFor")?.unwrap_or(Duration::ZERO),
        contended: line.flag("contended"),
        newer: newer.transpose()?.map(Box::new),
        keeps_policy: line.flag("keeps"),
        recognition: get_recognition(line)?,
        while_lent: line.flag("whileLent"),
        loan: get_loan(line)?.map(Box::new),
    })
}

fn put_granted(line: LineWriter, granted: &Granted) -> LineWriter {
    let costs = (!granted.costs.is_empty()).then(|| costs_text(&granted.costs));
    line.put("granted", granted.cost).put_some("costs", costs)
}

fn get_granted(line: &Line) -> Result<Option<Granted>, Unreadable> {
    let Some(cost) = line.number("granted")? else {
        return Ok(None);
    };
    let costs = get_costs(line)?;
    Ok(Some(Granted { cost, costs }))
}

/// A Worker of a build from before passes over it: it has asked for none.
fn put_recognition(line: LineWriter, recognition: Option<Recognition>) -> LineWriter {
    match recognition {
        Some(it) => line
            .put("known", if it.is_repeated { "repeated" } else { "first" })
            .put_some("knownSince", it.since.map(Timestamp::as_millis))
            .put_some("firstVersion", it.version),
        None => line,
    }
}

fn get_recognition(line: &Line) -> Result<Option<Recognition>, Unreadable> {
    let Some(known) = line.get("known") else {
        return Ok(None);
    };
    Ok(Some(Recognition {
        since: line.number("knownSince")?.map(Timestamp::from_millis),
        is_repeated: known == "repeated",
        version: line.number("firstVersion")?,
    }))
}

/// A Worker of a build from before grants passes over a field of the first line.
fn put_status(line: LineWriter, status: &Status) -> LineWriter {
    let taken = status
        .taken
        .iter()
        .map(|(id, units)| format!("{id}:{units}"));
    let taken: Vec<String> = taken.collect();
    let line = line.put_some("taken", (!taken.is_empty()).then(|| taken.join(",")));
    let line = line.put_some("lentFor", status.lent_for.map(Duration::as_millis));
    let line = status.limits.iter().fold(line, |line, limit| {
        let line = line.and("limit").put_some(
            "policy",
            (!limit.policy.is_empty()).then_some(&limit.policy),
        );
        let stage = limit.stage;
        put_limit(put_version(line, limit.version), &limit.limit)
            .put_some("stage", stage.map(|stage| stage.step))
            .put_some(
                "nextStage",
                stage.and_then(|stage| stage.next).map(Timestamp::as_millis),
            )
            .put("remaining", limit.remaining)
            .put_some("held", (limit.held > 0).then_some(limit.held))
            .put_some("lent", (limit.lent > 0).then_some(limit.lent))
            .put_some("debt", (limit.debt > 0).then_some(limit.debt))
            .put("reset", limit.reset.as_millis())
            .put_some("classes", shares_text(&limit.classes))
    });
    let line = match &status.stage {
        Some(clock) => put_clock(line.and("stage"), clock),
        None => line,
    };
    let blocks = status.blocks.iter();
    let line = blocks.fold(line, |line, block| block.put(line.and("block")));
    let line = status.outlooks.iter().fold(line, put_outlook);
    status.denials.iter().fold(line, |line, denial| {
        line.and("denial")
            .put("at", denial.at.as_millis())
            .put_some(
                "policy",
                (!denial.policy.is_empty()).then_some(&denial.policy),
            )
            .put_some("limitedBy", denial.limited_by.as_ref())
            .put("cost", denial.cost)
            .put("reason", plain(denial.reason))
            .put_some("exactly", exactly(denial.reason))
    })
}

/// What tells the line of an outlook from a block's. A Worker of a build from before shows it as a
/// block.
const OUTLOOK: &str = "outlook";

fn put_outlook(line: LineWriter, outlook: &OutlookStatus) -> LineWriter {
    let gate = outlook.gate.as_ref().map(|it| it.until);
    let open = outlook.breaker.as_ref().and_then(|it| it.until);
    let block = Block {
        policy: Some(outlook.policy.clone()),
        until: gate.max(open).unwrap_or(Timestamp::ZERO),
        reason: String::new(),
        step: None,
    };
    let line = block.put(line.and("block")).flag(OUTLOOK, true);
    let line = put_closed(line, outlook.gate.as_ref());
    put_broken(line, outlook.breaker.as_ref())
        .put_some("pacedUntil", outlook.paced_until.map(Timestamp::as_millis))
        .put_some("adaptedTo", outlook.adapted_to)
}

fn get_outlook(line: &Line) -> Result<OutlookStatus, Unreadable> {
    Ok(OutlookStatus {
        policy: policy_name(line).unwrap_or_default(),
        gate: get_closed(line)?,
        breaker: get_broken(line)?,
        paced_until: line.number("pacedUntil")?.map(Timestamp::from_millis),
        adapted_to: line.number("adaptedTo")?,
    })
}

fn get_stage(line: &Line) -> Result<Option<StageStatus>, Unreadable> {
    let next = line.number("nextStage")?.map(Timestamp::from_millis);
    let step = line.number("stage")?;
    Ok(step.map(|step| StageStatus { step, next }))
}

fn put_staged(line: LineWriter, change: &StageChange) -> LineWriter {
    let line = match &change.before {
        Some(before) => put_clock(line.and("before"), before),
        None => line,
    };
    let line = put_clock(line.and("after"), &change.after);
    change.steps.iter().fold(line, |line, step| {
        let policy = (!step.policy.is_empty()).then_some(&step.policy);
        line.and("step")
            .put_some("policy", policy)
            .text("limit", &step.limit)
            .put("from", step.from)
            .put("to", step.to)
    })
}

fn get_staged<'a>(lines: impl Iterator<Item = Line<'a>>) -> Result<StageChange, Unreadable> {
    let (mut before, mut after, mut steps) = (None, None, Vec::new());
    for line in lines {
        match line.word() {
            "before" => before = Some(get_clock(&line)?),
            "after" => after = Some(get_clock(&line)?),
            "step" => steps.push(StepChange {
                policy: policy_name(&line).unwrap_or_default(),
                limit: line.text("limit")?,
                from: line.needed("from")?,
                to: line.needed("to")?,
            }),
            _ => return Err(Unreadable::Damaged("word")),
        }
    }
    let after = after.ok_or(Unreadable::Damaged("after"))?;
    Ok(StageChange {
        before,
        after,
        steps,
    })
}

fn get_taken(line: &Line) -> Result<Vec<(u64, u64)>, Unreadable> {
    let taken = items(line, "taken").map(|item| {
        let (id, units) = item.split_once(':')?;
        Some((id.parse().ok()?, units.parse().ok()?))
    });
    let taken: Option<Vec<(u64, u64)>> = taken.collect();
    taken.ok_or(Unreadable::Damaged("taken"))
}

fn get_status<'a>(
    first: &Line,
    lines: impl Iterator<Item = Line<'a>>,
) -> Result<Status, Unreadable> {
    let mut status = Status {
        taken: get_taken(first)?,
        lent_for: first.number("lentFor")?.map(Duration::from_millis),
        ..Status::default()
    };
    for line in lines {
        let policy = policy_name(&line);
        match line.word() {
            "limit" => status.limits.push(LimitStatus {
                policy: policy.unwrap_or_default(),
                version: get_version(&line)?,
                limit: get_limit(&line)?,
                stage: get_stage(&line)?,
                remaining: line.needed("remaining")?,
                held: line.number("held")?.unwrap_or(0),
                lent: line.number("lent")?.unwrap_or(0),
                debt: line.number("debt")?.unwrap_or(0),
                reset: instant(&line, "reset")?,
                classes: get_shares(&line)?,
            }),
            "stage" => status.stage = Some(get_clock(&line)?),
            "block" if line.flag(OUTLOOK) => status.outlooks.push(get_outlook(&line)?),
            "block" => status.blocks.push(Block::get(&line)?),
            "denial" => status.denials.push(Denial {
                at: instant(&line, "at")?,
                policy: policy.unwrap_or_default(),
                limited_by: line.get("limitedBy").map(str::to_owned),
                cost: line.needed("cost")?,
                reason: reason_of(&line)?.ok_or(Unreadable::Damaged("reason"))?,
            }),
            _ => return Err(Unreadable::Damaged("word")),
        }
    }
    Ok(status)
}
