//! What a Worker and a subject's object say to each other: one text each way, lines in the form of [`crate::codec`].
//!
//! Both sides of a deploy are alive at once, so a message says its version, and version N understands N − 1 and N + 1.

use crate::codec::{Line, LineWriter, Unreadable, NEXT};
use crate::decide::Check;
use crate::decision::{Decision, Grant, Reason, Standing};
use crate::limit::Name;
use crate::policy::Policy;
use crate::row::{get_limit, put_limit};
use crate::subject_state::{Block, Denial, Item, LimitStatus, Status};
use crate::{Duration, Limit, Timestamp};

/// The version of messages.
pub const MESSAGE_VERSION: u32 = 1 + NEXT;

/// What a Worker asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Call {
    /// Decide every item, all or nothing.
    Limit {
        /// Names the charge, so that it can be repeated or cancelled.
        operation: Option<u128>,
        /// What is asked, in order.
        items: Vec<Item>,
    },
    /// Record what was given out while the object could not be asked, past any limit.
    Charge {
        /// Names the charge, so that it can be repeated.
        operation: u128,
        /// What was given out, in order.
        items: Vec<Item>,
    },
    /// Take back what an operation charged.
    Cancel {
        /// The operation.
        operation: u128,
    },
    /// Show the state.
    Status {
        /// Of one policy only.
        policy: Option<String>,
    },
    /// Forget use.
    Reset {
        /// Of one policy only.
        policy: Option<String>,
    },
    /// Shut out.
    Block {
        /// From one policy only.
        policy: Option<String>,
        /// For how long; zero lets in.
        duration: Duration,
        /// What the one who blocks says.
        reason: String,
    },
    /// Hold a permit longer.
    Renew {
        /// The permit's bits.
        permit: u128,
        /// How long from now.
        hold: Option<Duration>,
    },
    /// Free a permit.
    Release {
        /// The permit's bits.
        permit: u128,
    },
}

/// What the object answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// To [`Call::Limit`]: one decision an item.
    Decided(Vec<Decision>),
    /// To [`Call::Status`].
    Status(Status),
    /// To [`Call::Renew`].
    Renewed(Grant),
    /// To the rest.
    Done,
    /// Not done, and why.
    Refused(RefusalCode, String),
}

/// A refusal, as it travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefusalCode {
    /// [`crate::subject_state::Refusal::UnknownTimeZone`]; the text is the zone's name.
    UnknownTimeZone,
    /// [`crate::subject_state::Refusal::UnknownPermit`].
    UnknownPermit,
    /// [`crate::subject_state::Refusal::TooManyLimits`].
    TooManyLimits,
    /// [`crate::subject_state::Refusal::Cancelled`].
    Cancelled,
    /// [`crate::subject_state::Refusal::Unavailable`], or the object cannot read the call or write its storage.
    Unavailable,
}

impl RefusalCode {
    const ALL: [RefusalCode; 5] = [
        RefusalCode::UnknownTimeZone,
        RefusalCode::UnknownPermit,
        RefusalCode::TooManyLimits,
        RefusalCode::Cancelled,
        RefusalCode::Unavailable,
    ];

    const fn word(self) -> &'static str {
        match self {
            RefusalCode::UnknownTimeZone => "unknownTimeZone",
            RefusalCode::UnknownPermit => "unknownPermit",
            RefusalCode::TooManyLimits => "tooManyLimits",
            RefusalCode::Cancelled => "cancelled",
            RefusalCode::Unavailable => "unavailable",
        }
    }
}

impl From<&crate::subject_state::Refusal> for Answer {
    fn from(refusal: &crate::subject_state::Refusal) -> Answer {
        use crate::subject_state::Refusal;
        match refusal {
            Refusal::UnknownTimeZone(zone) => {
                Answer::Refused(RefusalCode::UnknownTimeZone, zone.clone())
            }
            Refusal::UnknownPermit => Answer::Refused(RefusalCode::UnknownPermit, String::new()),
            Refusal::TooManyLimits => Answer::Refused(RefusalCode::TooManyLimits, String::new()),
            Refusal::Cancelled => Answer::Refused(RefusalCode::Cancelled, String::new()),
            Refusal::Unavailable(why) => Answer::Refused(RefusalCode::Unavailable, why.to_string()),
        }
    }
}

fn hex(bits: u128) -> String {
    format!("{bits:x}")
}

fn bits(line: &Line, key: &'static str) -> Result<u128, Unreadable> {
    let text = line.get(key).ok_or(Unreadable::Damaged(key))?;
    u128::from_str_radix(text, 16).map_err(|_| Unreadable::Damaged(key))
}

fn optional_bits(line: &Line, key: &'static str) -> Result<Option<u128>, Unreadable> {
    line.get(key).map(|_| bits(line, key)).transpose()
}

fn duration(line: &Line, key: &'static str) -> Result<Option<Duration>, Unreadable> {
    Ok(line.number(key)?.map(Duration::from_millis))
}

fn instant(line: &Line, key: &'static str) -> Result<Timestamp, Unreadable> {
    line.needed(key).map(Timestamp::from_millis)
}

fn policy_name(line: &Line) -> Option<String> {
    line.get("policy").map(str::to_owned)
}

impl Call {
    /// The call as text.
    pub fn encode(&self) -> String {
        let new = |word| LineWriter::new(MESSAGE_VERSION, word);
        match self {
            Call::Limit { operation, items } => items.iter().fold(
                new("limit").put_some("operation", operation.map(hex)),
                put_item,
            ),
            Call::Charge { operation, items } => items
                .iter()
                .fold(new("charge").put("operation", hex(*operation)), put_item),
            Call::Cancel { operation } => new("cancel").put("operation", hex(*operation)),
            Call::Status { policy } => new("status").put_some("policy", policy.as_ref()),
            Call::Reset { policy } => new("reset").put_some("policy", policy.as_ref()),
            Call::Block {
                policy,
                duration,
                reason,
            } => new("block")
                .put_some("policy", policy.as_ref())
                .put("duration", duration.as_millis())
                .text("reason", reason),
            Call::Renew { permit, hold } => new("renew")
                .put("permit", hex(*permit))
                .put_some("hold", hold.map(Duration::as_millis)),
            Call::Release { permit } => new("release").put("permit", hex(*permit)),
        }
        .finish()
    }

    /// Reads a call.
    pub fn decode(text: &str) -> Result<Call, Unreadable> {
        let mut lines = Line::versioned(text, MESSAGE_VERSION)?
            .split('\n')
            .map(Line::parse);
        let line = lines.next().ok_or(Unreadable::Damaged("empty"))?;
        Ok(match line.word() {
            "limit" => Call::Limit {
                operation: optional_bits(&line, "operation")?,
                items: get_items(lines)?,
            },
            "charge" => Call::Charge {
                operation: bits(&line, "operation")?,
                items: get_items(lines)?,
            },
            "cancel" => Call::Cancel {
                operation: bits(&line, "operation")?,
            },
            "status" => Call::Status {
                policy: policy_name(&line),
            },
            "reset" => Call::Reset {
                policy: policy_name(&line),
            },
            "block" => Call::Block {
                policy: policy_name(&line),
                duration: Duration::from_millis(line.needed("duration")?),
                reason: line.text("reason")?,
            },
            "renew" => Call::Renew {
                permit: bits(&line, "permit")?,
                hold: duration(&line, "hold")?,
            },
            "release" => Call::Release {
                permit: bits(&line, "permit")?,
            },
            _ => return Err(Unreadable::Damaged("word")),
        })
    }
}

fn put_item(line: LineWriter, item: &Item) -> LineWriter {
    let (policy, check) = (&item.policy, &item.check);
    let line = line
        .and("item")
        .put_some("policy", policy.name().map(Name::as_str))
        .put_some("version", (policy.version() > 0).then(|| policy.version()))
        .put_some("reserve", policy.reserve())
        .put("cost", check.cost)
        .flag("peek", check.peek)
        .put_some("maxDelay", check.max_delay.map(Duration::as_millis))
        .put_some("hold", check.hold.map(Duration::as_millis));
    policy
        .limits()
        .iter()
        .fold(line, |line, limit| put_limit(line.and("limit"), limit))
}

fn get_items<'a>(lines: impl Iterator<Item = Line<'a>>) -> Result<Vec<Item>, Unreadable> {
    let mut parts: Vec<(Line, Vec<Limit>)> = Vec::with_capacity(1);
    for line in lines {
        match (line.word(), parts.last_mut()) {
            ("item", _) => parts.push((line, Vec::with_capacity(1))),
            ("limit", Some((_, limits))) => limits.push(get_limit(&line)?),
            _ => return Err(Unreadable::Damaged("word")),
        }
    }
    parts
        .into_iter()
        .map(|(line, limits)| get_item(&line, limits))
        .collect()
}

fn get_item(line: &Line, limits: Vec<Limit>) -> Result<Item, Unreadable> {
    let mut policy = Policy::new(limits)?;
    if let Some(name) = line.get("policy") {
        policy = policy.named(
            Name::new("policy", name)?,
            line.number("version")?.unwrap_or(0),
        );
    }
    if let Some(reserve) = line.number("reserve")? {
        policy = policy.with_reserve(reserve)?;
    }
    let check = Check {
        cost: line.needed("cost")?,
        peek: line.flag("peek"),
        max_delay: duration(line, "maxDelay")?,
        hold: duration(line, "hold")?,
    };
    Ok(Item { policy, check })
}

impl Answer {
    /// The answer as text.
    pub fn encode(&self) -> String {
        let new = |word| LineWriter::new(MESSAGE_VERSION, word);
        match self {
            Answer::Decided(decisions) => decisions.iter().fold(new("decided"), put_decision),
            Answer::Status(status) => put_status(new("status"), status),
            Answer::Renewed(grant) => put_grant(new("renewed"), Some(grant)),
            Answer::Done => new("done"),
            Answer::Refused(code, detail) => new("refused")
                .put("code", code.word())
                .text("detail", detail),
        }
        .finish()
    }

    /// Reads an answer.
    pub fn decode(text: &str) -> Result<Answer, Unreadable> {
        let mut lines = Line::versioned(text, MESSAGE_VERSION)?
            .split('\n')
            .map(Line::parse);
        let line = lines.next().ok_or(Unreadable::Damaged("empty"))?;
        Ok(match line.word() {
            "decided" => Answer::Decided(get_decisions(lines)?),
            "status" => Answer::Status(get_status(lines)?),
            "renewed" => Answer::Renewed(get_grant(&line)?.ok_or(Unreadable::Damaged("permit"))?),
            "done" => Answer::Done,
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
        .put_some("reason", decision.reason.map(Reason::word))
        .put_some("deciding", decision.deciding)
        .put_some("retryAfter", decision.retry_after.map(Duration::as_millis))
        .put_some("delay", decision.delay.map(Duration::as_millis))
        .put("cacheFor", decision.cache_for.as_millis());
    let line = put_grant(line, decision.grant.as_deref());
    decision.limits.iter().fold(line, |line, standing| {
        line.and("standing")
            .put("limit", standing.limit)
            .put("remaining", standing.remaining)
            .put("reset", standing.reset.as_millis())
            .put_some("refused", standing.refused.map(Reason::word))
            .put_some("retryAt", standing.retry_at.map(Timestamp::as_millis))
    })
}

fn reason(line: &Line, key: &'static str) -> Result<Option<Reason>, Unreadable> {
    line.get(key)
        .map(|word| Reason::from_word(word).ok_or(Unreadable::Damaged(key)))
        .transpose()
}

fn get_decisions<'a>(lines: impl Iterator<Item = Line<'a>>) -> Result<Vec<Decision>, Unreadable> {
    let mut parts: Vec<(Line, Vec<Standing>)> = Vec::with_capacity(1);
    for line in lines {
        match (line.word(), parts.last_mut()) {
            ("decision", _) => parts.push((line, Vec::with_capacity(1))),
            ("standing", Some((_, standings))) => standings.push(get_standing(&line)?),
            _ => return Err(Unreadable::Damaged("word")),
        }
    }
    parts
        .into_iter()
        .map(|(line, standings)| get_decision(&line, standings))
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

fn get_decision(line: &Line, standings: Vec<Standing>) -> Result<Decision, Unreadable> {
    Ok(Decision {
        at: instant(line, "at")?,
        success: line.flag("success"),
        reason: reason(line, "reason")?,
        deciding: line.number("deciding")?,
        retry_after: duration(line, "retryAfter")?,
        delay: duration(line, "delay")?,
        limits: standings.into_iter().collect(),
        grant: get_grant(line)?.map(Box::new),
        cache_for: duration(line, "cacheFor")?.unwrap_or(Duration::ZERO),
    })
}

fn put_status(line: LineWriter, status: &Status) -> LineWriter {
    let line = status.limits.iter().fold(line, |line, limit| {
        let line = line
            .and("limit")
            .put_some(
                "policy",
                (!limit.policy.is_empty()).then_some(&limit.policy),
            )
            .put_some("version", (limit.version > 0).then_some(limit.version));
        put_limit(line, &limit.limit)
            .put("remaining", limit.remaining)
            .put("reset", limit.reset.as_millis())
    });
    let line = status.blocks.iter().fold(line, |line, block| {
        line.and("block")
            .put_some("policy", block.policy.as_ref())
            .put("until", block.until.as_millis())
            .text("reason", &block.reason)
    });
    status.denials.iter().fold(line, |line, denial| {
        line.and("denial")
            .put("at", denial.at.as_millis())
            .put_some(
                "policy",
                (!denial.policy.is_empty()).then_some(&denial.policy),
            )
            .put_some("limitedBy", denial.limited_by.as_ref())
            .put("cost", denial.cost)
            .put("reason", denial.reason.word())
    })
}

fn get_status<'a>(lines: impl Iterator<Item = Line<'a>>) -> Result<Status, Unreadable> {
    let mut status = Status::default();
    for line in lines {
        let policy = policy_name(&line);
        match line.word() {
            "limit" => status.limits.push(LimitStatus {
                policy: policy.unwrap_or_default(),
                version: line.number("version")?.unwrap_or(0),
                limit: get_limit(&line)?,
                remaining: line.needed("remaining")?,
                reset: instant(&line, "reset")?,
            }),
            "block" => status.blocks.push(Block {
                policy,
                until: instant(&line, "until")?,
                reason: line.text("reason")?,
            }),
            "denial" => status.denials.push(Denial {
                at: instant(&line, "at")?,
                policy: policy.unwrap_or_default(),
                limited_by: line.get("limitedBy").map(str::to_owned),
                cost: line.needed("cost")?,
                reason: reason(&line, "reason")?.ok_or(Unreadable::Damaged("reason"))?,
            }),
            _ => return Err(Unreadable::Damaged("word")),
        }
    }
    Ok(status)
}

impl crate::subject_state::SubjectState {
    /// Answers one call: what the object does with each message. `effects` are to be applied before the answer is sent.
    pub fn answer(
        &mut self,
        call: &Call,
        random: &mut dyn FnMut() -> u128,
        moment: crate::algorithm::state::Moment,
        effects: &mut crate::subject_state::Effects,
    ) -> Answer {
        let answer = match call {
            Call::Limit { operation, items } => self
                .limit(items, *operation, random, moment, effects)
                .map(Answer::Decided),
            Call::Charge { operation, items } => self
                .charge(items, *operation, moment, effects)
                .map(|()| Answer::Done),
            Call::Cancel { operation } => self
                .cancel(*operation, moment, effects)
                .map(|()| Answer::Done),
            Call::Status { policy } => self.status(policy.as_deref(), moment).map(Answer::Status),
            Call::Reset { policy } => self
                .reset(policy.as_deref(), moment, effects)
                .map(|()| Answer::Done),
            Call::Block {
                policy,
                duration,
                reason,
            } => self
                .block(policy.as_deref(), *duration, reason, moment, effects)
                .map(|()| Answer::Done),
            Call::Renew { permit, hold } => self
                .renew(*permit, *hold, moment, effects)
                .map(Answer::Renewed),
            Call::Release { permit } => self
                .release(*permit, moment, effects)
                .map(|()| Answer::Done),
        };
        answer.unwrap_or_else(|refusal| Answer::from(&refusal))
    }
}
