//! What was answered to a request that may come again, as the numbers that it is made of:
//! admissions only, so that neither waits nor refusals are among them.

use super::{costs_text, get_costs, instant, items};
use crate::codec::{Line, LineWriter, Unreadable};
use crate::decision::{Decision, Grant, Granted, Reason, Recognition, Standing};
use crate::{Duration, Timestamp};

/// Adds an admission to a row, as a line of its own, with the cost that was admitted.
pub(crate) fn put_admission(line: LineWriter, decision: &Decision, cost: i64) -> LineWriter {
    let standing = |it: &Standing| {
        let Standing {
            limit,
            remaining,
            reset,
            ..
        } = it;
        format!("{limit}:{remaining}:{}", reset.as_millis())
    };
    let standings: Vec<String> = decision.limits.iter().map(standing).collect();
    let version = decision.recognition.and_then(|it| it.version);
    let grant = decision.grant.as_deref();
    let granted = decision.granted.as_deref();
    let costs = granted.filter(|granted| !granted.costs.is_empty());
    let costs = costs.map(|granted| costs_text(&granted.costs));
    line.and("admission")
        .put("at", decision.at.as_millis())
        .put("cost", cost)
        .put_some("version", version)
        .put_some("granted", granted.map(|granted| granted.cost))
        .put_some("costs", costs)
        .put_some("reason", decision.reason.map(Reason::word))
        .put_some("deciding", decision.deciding)
        .put_some("delay", decision.delay.map(Duration::as_millis))
        .put_some("permit", grant.map(|grant| format!("{:x}", grant.permit)))
        .put_some("fence", grant.map(|grant| grant.fence))
        .put_some("expires", grant.map(|grant| grant.expires.as_millis()))
        .put_some(
            "limits",
            (!standings.is_empty()).then(|| standings.join(",")),
        )
}

/// Reads an admission and its cost.
pub(crate) fn get_admission(line: &Line) -> Result<(Decision, i64), Unreadable> {
    if line.word() != "admission" {
        return Err(Unreadable::Damaged("word"));
    }
    let reason = line.get("reason").map(|word| {
        let reason = Reason::from_word(word);
        reason.ok_or(Unreadable::Damaged("reason"))
    });
    let standings = items(line, "limits").map(get_standing);
    let standings: Option<Vec<Standing>> = standings.collect();
    let standings = standings.ok_or(Unreadable::Damaged("limits"))?;
    let decision = Decision {
        deciding: line.number("deciding")?,
        delay: line.number("delay")?.map(Duration::from_millis),
        limits: standings.into_iter().collect(),
        grant: get_grant(line)?.map(Box::new),
        granted: match line.number("granted")? {
            Some(cost) => {
                let costs = get_costs(line)?;
                Some(Box::new(Granted { cost, costs }))
            }
            None => None,
        },
        recognition: Some(Recognition {
            version: line.number("version")?,
            ..Recognition::default()
        }),
        ..Decision::bare(instant(line, "at")?, true, reason.transpose()?)
    };
    Ok((decision, line.needed("cost")?))
}

fn get_standing(text: &str) -> Option<Standing> {
    let mut numbers = text.split(':').map(|number| number.parse().ok());
    let mut number = || numbers.next().flatten();
    Some(Standing {
        limit: number()?,
        remaining: number()?,
        reset: Timestamp::from_millis(number()?),
        refused: None,
        retry_at: None,
    })
}

fn get_grant(line: &Line) -> Result<Option<Grant>, Unreadable> {
    let Some(permit) = line.get("permit") else {
        return Ok(None);
    };
    let permit = u128::from_str_radix(permit, 16).map_err(|_| Unreadable::Damaged("permit"))?;
    Ok(Some(Grant {
        permit,
        fence: line.needed("fence")?,
        expires: instant(line, "expires")?,
    }))
}
