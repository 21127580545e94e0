//! `RateLimit` and `RateLimit-Policy` as the IETF's drafts have them
//! (draft-ietf-httpapi-ratelimit-headers), which Cloudflare's API sends among others.
//!
//! | draft | `RateLimit` | `RateLimit-Policy` |
//! |---|---|---|
//! | 0 to 6 | three headers, which are [`plain`](super::plain) | `100;w=60` |
//! | 7 | `limit=100, remaining=50, reset=30` | `100;w=60` |
//! | 8 on | `"default";r=50;t=30` | `"default";q=100;w=60;qu="requests";pk=:…:` |
//!
//! All of them are structured fields. A name may be a token as well as a string, which the editors'
//! copy has considered. Which partition of a quota is meant (`pk`) is not kept: it may be the name
//! of a customer.

use tollgate_core::Duration;

use crate::dialect::{each, Dialect, Header};
use crate::notes::Notes;
use crate::value::number::{window, Number};
use crate::value::structured::{dictionary, list, Bare, Member};
use crate::value::when;
use crate::{Told, When, Why};

/// Drafts 0 to 6 say of the same limit in three headers what draft 7 says in one.
const FAMILY: &str = super::plain::RATELIMIT;

pub(super) const DIALECT: Dialect = Dialect {
    knows: |name| name == "ratelimit" || name == "ratelimit-policy",
    read,
};

fn read(header: &Header<'_>, notes: &mut Notes) -> Result<(), Why> {
    let value = header.value;
    if header.name == "ratelimit-policy" {
        return each(&filled(list(value)?)?, |member| policy(member, notes));
    }
    match list(value).and_then(filled) {
        Ok(members) => each(&members, |member| service_limit(member, notes)),
        Err(_) => {
            let members = dictionary(value).and_then(filled)?;
            each(&members, |member| draft_7(member, notes))
        }
    }
}

fn filled(members: Vec<Member>) -> Result<Vec<Member>, Why> {
    if members.is_empty() {
        return Err(Why::Malformed);
    }
    Ok(members)
}

/// `"default";r=50;t=30`.
fn service_limit(member: &Member, notes: &mut Notes) -> Result<(), Why> {
    let name = Some(member.value.text()?.to_owned());
    let remaining = member.parameter("r").ok_or(Why::Malformed)?.count()?;
    let reset = member
        .parameter("t")
        .map(|it| seconds(it, notes))
        .transpose()?;
    let told = Told {
        name,
        remaining: Some(remaining),
        reset,
        ..Told::default()
    };
    notes.tell(FAMILY, told)
}

/// `"default";q=100;w=60` or `100;w=60`.
fn policy(member: &Member, notes: &mut Notes) -> Result<(), Why> {
    let window = member.parameter("w").map(window_of).transpose()?;
    if let Bare::Integer(_) = member.value {
        let quota = member.value.count()?;
        return window.map_or(Ok(()), |window| notes.policy(FAMILY, quota, window));
    }
    let unit = member.parameter("qu").map(Bare::text).transpose()?;
    let told = Told {
        name: Some(member.value.text()?.to_owned()),
        limit: Some(member.parameter("q").ok_or(Why::Malformed)?.count()?),
        window,
        unit: unit.map(str::to_owned),
        ..Told::default()
    };
    notes.tell(FAMILY, told)
}

/// `limit=100`, `remaining=50` or `reset=30`. Other keys are comments.
fn draft_7(member: &Member, notes: &mut Notes) -> Result<(), Why> {
    let mut told = Told::default();
    match member.key.as_str() {
        "limit" => told.limit = Some(member.value.count()?),
        "remaining" => told.remaining = Some(member.value.count()?),
        "reset" => told.reset = Some(seconds(&member.value, notes)?),
        _ => return Ok(()),
    }
    notes.tell(FAMILY, told)
}

/// Seconds from the answer on, or whatever the number is if it cannot be these.
fn seconds(value: &Bare, notes: &Notes) -> Result<When, Why> {
    when::number(Number::whole(value.count()?), notes.answered)
}

fn window_of(seconds: &Bare) -> Result<Duration, Why> {
    window(seconds.count()?.saturating_mul(1000))
}
