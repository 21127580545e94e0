//! The texts of what is said about permits.

use crate::codec::{Line, LineWriter, Unreadable};
use crate::decide::Overage;
use crate::percent::{decode_component, encode_component};
use crate::row::{get_limit_names, get_real, items, put_limit_names, put_real};
use crate::subject_state::{End, Home, Others, Outcome, Settled, Share, Topped, Topup, TopupStep};

use super::{bits, duration, hex, instant};

/// Adds the names of objects, each in a line of its own.
pub(super) fn put_objects(line: LineWriter, names: &[String]) -> LineWriter {
    let put = |line: LineWriter, name: &String| line.and("object").text("name", name);
    names.iter().fold(line, put)
}

/// Reads the rest of a text that has nothing but names of objects.
pub(super) fn get_objects<'a>(
    lines: impl Iterator<Item = Line<'a>>,
) -> Result<Vec<String>, Unreadable> {
    let read = |line: Line<'a>| match line.word() {
        "object" => line.text("name"),
        _ => Err(Unreadable::Damaged("word")),
    };
    lines.map(read).collect()
}

/// Adds where the outcome is known, to the first line: who does not know of permits passes over it.
pub(super) fn put_home(line: LineWriter, home: &Home) -> LineWriter {
    let line = put_limit_names(line, home.limits());
    match home {
        Home::Here(others) if others.objects.is_empty() => line,
        Home::Here(others) => {
            let others: Vec<String> = others.objects.iter().map(|it| encoded(it)).collect();
            line.put("parts", others.join(","))
        }
        Home::Elsewhere => line.flag("elsewhere", true),
    }
}

fn encoded(name: &str) -> String {
    let mut text = String::new();
    encode_component(name, &mut text);
    text
}

/// Reads what [`put_home`] wrote.
pub(super) fn get_home(line: &Line) -> Result<Home, Unreadable> {
    if line.flag("elsewhere") {
        return Ok(Home::Elsewhere);
    }
    let objects = items(line, "parts").map(decode_component);
    let objects = objects.collect::<Option<_>>();
    Ok(Home::Here(Others {
        objects: objects.ok_or(Unreadable::Damaged("parts"))?,
        limits: get_limit_names(line)?,
    }))
}

/// Adds what a permit is to hold.
pub(super) fn put_topup(line: LineWriter, topup: &Topup) -> LineWriter {
    let overage = (topup.overage != Overage::Deny).then(|| topup.overage.word());
    let line = line
        .put("permit", hex(topup.permit))
        .put_some("overage", overage)
        .put_some("turn", topup.turn)
        .flag("raises", topup.step == TopupStep::Raise);
    let line = match topup.step {
        TopupStep::Undo { newest } => {
            let newest = Some(newest).filter(|newest| *newest > 0);
            line.flag("undone", true).put_some("newest", newest)
        }
        TopupStep::Raise | TopupStep::Set => line,
    };
    put_real(line, &topup.total)
}

pub(super) fn get_topup(line: &Line) -> Result<Topup, Unreadable> {
    Ok(Topup {
        permit: bits(line, "permit")?,
        total: get_real(line)?,
        overage: get_overage(line)?,
        turn: line.number("turn")?,
        step: match (line.flag("undone"), line.flag("raises")) {
            (true, _) => TopupStep::Undo {
                newest: line.number("newest")?.unwrap_or(0),
            },
            (false, true) => TopupStep::Raise,
            (false, false) => TopupStep::Set,
        },
    })
}

/// What is done with what there is no room for.
pub(super) fn get_overage(line: &Line) -> Result<Overage, Unreadable> {
    match line.get("overage") {
        Some(word) => Overage::of_word(word).ok_or(Unreadable::Damaged("overage")),
        None => Ok(Overage::Deny),
    }
}

/// Adds how a permit has ended.
pub(super) fn put_outcome(line: LineWriter, permit: u128, outcome: &Outcome) -> LineWriter {
    let line = line.put("permit", hex(permit));
    match outcome {
        Outcome::Settled(real) => put_real(line.flag("settled", true), real),
        Outcome::Released => line,
        Outcome::GivenBack => line.flag("givenBack", true),
    }
}

pub(super) fn get_outcome(line: &Line) -> Result<Outcome, Unreadable> {
    Ok(match (line.flag("settled"), line.flag("givenBack")) {
        (true, _) => Outcome::Settled(get_real(line)?),
        (false, true) => Outcome::GivenBack,
        (false, false) => Outcome::Released,
    })
}

pub(super) fn put_settled(line: LineWriter, settled: &Settled) -> LineWriter {
    let put = |line: LineWriter, share: &Share| {
        line.and("share")
            .text("name", &share.name)
            .put("units", share.units)
            .put("debt", share.debt)
            .put("forgiven", share.forgiven)
    };
    let line = line.put("how", settled.how.word());
    settled.shares.iter().fold(line, put)
}

pub(super) fn get_settled<'a>(
    line: &Line,
    lines: impl Iterator<Item = Line<'a>>,
) -> Result<Settled, Unreadable> {
    let share = |line: Line<'a>| {
        Ok(Share {
            name: line.text("name")?,
            units: line.needed("units")?,
            debt: line.needed("debt")?,
            forgiven: line.needed("forgiven")?,
        })
    };
    let how = line.get("how").and_then(End::of_word);
    Ok(Settled {
        how: how.ok_or(Unreadable::Damaged("how"))?,
        shares: lines.map(share).collect::<Result<_, Unreadable>>()?,
    })
}

pub(super) fn put_topped(line: LineWriter, topped: &Topped) -> LineWriter {
    let line = line
        .flag("success", topped.success)
        .put("expires", topped.expires.as_millis())
        .put_some("retryAfter", topped.retry_after.map(|it| it.as_millis()))
        .put_some("turn", Some(topped.turn).filter(|turn| *turn > 0));
    let units = |word| {
        move |line: LineWriter, (name, units): &(String, u64)| {
            line.and(word).text("name", name).put("units", units)
        }
    };
    let held = |line: LineWriter, held: &(String, u64)| {
        units("held")(line, held).flag("named", topped.named.contains(&held.0))
    };
    let line = topped.held.iter().fold(line, held);
    let line = topped.before.iter().fold(line, units("before"));
    put_objects(line, &topped.others)
}

pub(super) fn get_topped<'a>(
    line: &Line,
    lines: impl Iterator<Item = Line<'a>>,
) -> Result<Topped, Unreadable> {
    let mut topped = Topped {
        success: line.flag("success"),
        held: Vec::new(),
        before: Vec::new(),
        named: Vec::new(),
        expires: instant(line, "expires")?,
        retry_after: duration(line, "retryAfter")?,
        others: Vec::new(),
        turn: line.number("turn")?.unwrap_or(0),
    };
    for line in lines {
        let name = line.text("name")?;
        match line.word() {
            "held" => {
                if line.flag("named") {
                    topped.named.push(name.clone());
                }
                topped.held.push((name, line.needed("units")?));
            }
            "before" => topped.before.push((name, line.needed("units")?)),
            "object" => topped.others.push(name),
            _ => return Err(Unreadable::Damaged("word")),
        }
    }
    Ok(topped)
}
