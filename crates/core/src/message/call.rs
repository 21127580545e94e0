//! The calls of a Worker, and their texts.

use tollgate_versions::Version;

use super::lease::{borrowing_text, get_borrowing, get_returned, put_returned};
use super::permits::{
    get_home, get_outcome, get_overage, get_topup, put_home, put_outcome, put_topup,
};
use super::report::{get_report, put_report};
use super::{bits, duration, hex, optional_bits, policy_name, MESSAGES};
use crate::codec::{Line, LineWriter, Unreadable};
use crate::decide::{Check, OnExpiry, Overage};
use crate::idempotency::{Aim, Keyed};
use crate::lease::{Borrowing, Returned};
use crate::limit::Real;
use crate::overrides::Revision;
use crate::policy::Policy;
use crate::report::Report;
use crate::row::{costs_text, get_costs, get_limit_names, get_real, put_limit_names, put_real};
use crate::row::{get_class, get_limit, get_policy, get_reference};
use crate::row::{put_class, put_limits_of, put_policy, put_reference};
use crate::subject_state::{Home, Item, Outcome, StageOverride, Topup};
use crate::{Duration, Limit, Timestamp};

/// On what terms a call holds units that are one permit with those of other objects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holding {
    /// The permit's bits.
    pub permit: u128,
    /// Where its outcome is known.
    pub home: Home,
}

/// A call of a Worker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Call {
    /// Decide every item, all or nothing.
    Limit {
        /// Identifies the charge, so that it can be repeated or cancelled.
        operation: Option<u128>,
        /// The items to decide, in order.
        items: Vec<Item>,
        /// On what terms their units are held, where they have further parts elsewhere.
        holding: Option<Holding>,
    },
    /// Charge units that were admitted while the object was unavailable, beyond any limit.
    Charge {
        /// Identifies the charge, so that it can be repeated.
        operation: u128,
        /// The admitted items, in order.
        items: Vec<Item>,
    },
    /// Cancel the charges of an operation.
    Cancel {
        /// The operation.
        operation: u128,
    },
    /// Answer what a request was answered that is known ([`Call::Keyed`]), and decide nothing. An
    /// object of a build from before this call takes its word for damage and answers
    /// [`RefusalCode::Unavailable`]: it knows none.
    ///
    /// [`RefusalCode::Unavailable`]: super::RefusalCode::Unavailable
    Recall,
    /// Show the state.
    Status {
        /// Of one policy only.
        policy: Option<String>,
    },
    /// Tell when an item is admitted next, again and again. An object of a build from before this
    /// call takes its word for damage and answers [`RefusalCode::Unavailable`], which counts
    /// nothing and opens no circuit: while a deployment spreads, the instants may be missing. So
    /// the word raises no version.
    ///
    /// [`RefusalCode::Unavailable`]: super::RefusalCode::Unavailable
    Next {
        /// What is asked each time; its `peek` makes no difference.
        item: Box<Item>,
        /// Of how many admissions to tell; of at most [`MAX_NEXT`] it is told.
        ///
        /// [`MAX_NEXT`]: crate::subject_state::MAX_NEXT
        count: usize,
    },
    /// Reset use.
    Reset {
        /// Of one policy only.
        policy: Option<String>,
    },
    /// Block the subject.
    Block {
        /// From one policy only.
        policy: Option<String>,
        /// The duration; zero ends a block.
        duration: Duration,
        /// The operator's reason.
        reason: String,
    },
    /// Set the clock by which the subject's stages run. An object of a build from before this call
    /// takes its word for damage and answers [`RefusalCode::Unavailable`]: nothing is set.
    ///
    /// [`RefusalCode::Unavailable`]: super::RefusalCode::Unavailable
    Stage(StageOverride),
    /// Heed what an upstream answered. An object of a build from before this call takes its word
    /// for damage and answers [`RefusalCode::Unavailable`]: nothing is heeded.
    ///
    /// [`RefusalCode::Unavailable`]: super::RefusalCode::Unavailable
    Report(Box<Report>),
    /// Hold a permit longer.
    Renew {
        /// The permit's bits.
        permit: u128,
        /// How long from now.
        hold: Option<Duration>,
    },
    /// Charge the real cost of what a permit holds. An object of a build from before this call, as
    /// of the next two, takes its word for damage and answers [`RefusalCode::Unavailable`].
    ///
    /// [`RefusalCode::Unavailable`]: super::RefusalCode::Unavailable
    Settle {
        /// The permit's bits.
        permit: u128,
        /// The cost.
        real: Real,
    },
    /// Hold other units of what a permit holds.
    TopUp(Topup),
    /// Take notice of how a permit has ended: its home tells it.
    Conclude {
        /// The permit's bits.
        permit: u128,
        /// How it has ended.
        outcome: Outcome,
    },
    /// Know the names of the limits that were asked together with those of a permit whose home is
    /// here, as the other objects have decided: by newer versions of their policies than it was
    /// told of. An object of a build from before this call takes its word for damage.
    Names {
        /// The permit's bits.
        permit: u128,
        /// The names, each once.
        limits: Vec<String>,
    },
    /// Free a permit.
    Release {
        /// The permit's bits.
        permit: u128,
    },
    /// A [`Call::Limit`], [`Call::Charge`] or [`Call::Recall`] of a request that is known when it
    /// comes again. It is fields of that call: an object of a build from before passes over them,
    /// decides each attempt anew, and its answer tells no [`Recognition`]. The operation names the
    /// attempt, so that it is cancelled by it as ever.
    ///
    /// [`Recognition`]: crate::decision::Recognition
    Keyed {
        /// How it is known.
        keyed: Keyed,
        /// The call.
        call: Box<Call>,
    },
    /// A [`Call::Limit`] of one item, by somebody who borrows. It is fields of that call: an object
    /// of a build from before passes over them and lends nothing.
    Borrowing {
        /// What it tells, and wants.
        borrowing: Borrowing,
        /// The call.
        call: Box<Call>,
    },
    /// Take back what was lent and not spent. An object of a build from before this call takes its
    /// word for damage and answers [`RefusalCode::Unavailable`]: it has lent nothing.
    ///
    /// [`RefusalCode::Unavailable`]: super::RefusalCode::Unavailable
    Return(Returned),
    /// Another call, by a Worker that knows the overrides of this revision. An object that was told
    /// of a newer one ([`Call::Overridden`]) answers [`RefusalCode::StaleOverrides`]. It is a field
    /// of that call: an object of a build from before passes over it.
    ///
    /// [`RefusalCode::StaleOverrides`]: super::RefusalCode::StaleOverrides
    Knowing {
        /// What the Worker knows.
        overrides: Revision,
        /// The call.
        call: Box<Call>,
    },
    /// The subject's overrides have changed, with this revision: nobody is to be decided by an
    /// older one. It is known in memory alone, because every Worker asks anew within the time that
    /// the object stays in memory. An object of a build from before this call takes its word for
    /// damage and answers [`RefusalCode::Unavailable`].
    ///
    /// [`RefusalCode::Unavailable`]: super::RefusalCode::Unavailable
    Overridden(Revision),
    /// Another call, whose answer is to tell its [`Place`] too, so that it can be replayed. The
    /// wish is a field of that call: an object of a build from before passes over it, and the
    /// answer tells no place.
    ///
    /// [`Place`]: crate::subject_state::Place
    Recorded {
        /// The call.
        call: Box<Call>,
        /// Whether the answer tells the state before it, too.
        with_state: bool,
    },
}

impl Call {
    /// Whether it may change anything.
    pub fn may_change(&self) -> bool {
        match self {
            Call::Limit { items, .. } => items.iter().any(Item::changes),
            Call::Status { .. } | Call::Next { .. } | Call::Overridden(_) | Call::Recall => false,
            Call::Recorded { call, .. } | Call::Knowing { call, .. } | Call::Keyed { call, .. } => {
                call.may_change()
            }
            _ => true,
        }
    }

    /// The items of a [`Call::Limit`], recorded or not; none of another call.
    pub fn items_mut(&mut self) -> &mut [Item] {
        match self {
            Call::Limit { items, .. } => items,
            Call::Recorded { call, .. }
            | Call::Knowing { call, .. }
            | Call::Keyed { call, .. }
            | Call::Borrowing { call, .. } => call.items_mut(),
            _ => &mut [],
        }
    }

    /// How the request is known when it comes again; `None` where it is not.
    pub fn keyed(&self) -> Option<&Keyed> {
        match self {
            Call::Keyed { keyed, .. } => Some(keyed),
            Call::Recorded { call, .. } | Call::Knowing { call, .. } => call.keyed(),
            _ => None,
        }
    }

    /// The call as text, in the version that is written.
    pub fn encode(&self) -> String {
        self.encode_in(MESSAGES.written())
    }

    /// The call as text, for an object that reads this version.
    pub fn encode_in(&self, version: Version) -> String {
        let new = |word| LineWriter::new(version, word);
        match self {
            Call::Limit {
                operation,
                items,
                holding,
            } => put_limits(version, *operation, items, holding.as_ref(), &|_| false),
            Call::Charge { operation, items } => put_charges(version, *operation, items),
            Call::Cancel { operation } => new("cancel").put("operation", hex(*operation)),
            Call::Recall => new("recall"),
            Call::Status { policy } => new("status").put_some("policy", policy.as_ref()),
            Call::Next { item, count } => put_item(new("next").put("count", count), item, false),
            Call::Reset { policy } => new("reset").put_some("policy", policy.as_ref()),
            Call::Block {
                policy,
                duration,
                reason,
            } => new("block")
                .put_some("policy", policy.as_ref())
                .put("duration", duration.as_millis())
                .text("reason", reason),
            Call::Stage(set) => new("stage")
                .put_some("start", set.start.map(Timestamp::as_millis))
                .put_some("paused", set.paused.map(u8::from)),
            Call::Report(report) => put_report(new("report"), report),
            Call::Renew { permit, hold } => new("renew")
                .put("permit", hex(*permit))
                .put_some("hold", hold.map(Duration::as_millis)),
            Call::Settle { permit, real } => {
                put_real(new("settle").put("permit", hex(*permit)), real)
            }
            Call::TopUp(topup) => put_topup(new("topUp"), topup),
            Call::Conclude { permit, outcome } => put_outcome(new("conclude"), *permit, outcome),
            Call::Names { permit, limits } => {
                put_limit_names(new("names").put("permit", hex(*permit)), Some(limits))
            }
            Call::Release { permit } => new("release").put("permit", hex(*permit)),
            Call::Overridden(at) => new("overridden").put("revision", text_of(*at)),
            Call::Return(returned) => put_returned(new("return"), returned),
            Call::Borrowing {
                borrowing: told,
                call,
            } => return borrowing(&call.encode_in(version), told),
            Call::Keyed { keyed: by, call } => return keyed(&call.encode_in(version), by),
            Call::Knowing { overrides, call } => {
                return knowing(&call.encode_in(version), *overrides)
            }
            Call::Recorded { call, with_state } => {
                return recorded(&call.encode_in(version), *with_state)
            }
        }
        .finish()
    }

    /// Reads a call, and the version in which to answer it.
    pub fn decode(text: &str) -> Result<(Version, Call), Unreadable> {
        let (version, text) = Line::versioned(text, MESSAGES)?;
        let mut lines = text.split('\n').map(Line::parse);
        let line = lines.next().ok_or(Unreadable::Damaged("empty"))?;
        let call = match line.word() {
            "limit" | "take" => {
                let holding = get_holding(&line)?;
                let items = get_items(lines)?;
                Call::Limit {
                    operation: optional_bits(&line, "operation")?,
                    items,
                    holding,
                }
            }
            "charge" | "chargeEach" => Call::Charge {
                operation: bits(&line, "operation")?,
                items: get_items(lines)?,
            },
            "cancel" => Call::Cancel {
                operation: bits(&line, "operation")?,
            },
            "recall" => Call::Recall,
            "status" => Call::Status {
                policy: policy_name(&line),
            },
            "next" => Call::Next {
                count: line.needed("count")?,
                item: match <[Item; 1]>::try_from(get_items(lines)?) {
                    Ok([item]) => Box::new(item),
                    Err(_) => return Err(Unreadable::Damaged("item")),
                },
            },
            "reset" => Call::Reset {
                policy: policy_name(&line),
            },
            "block" => Call::Block {
                policy: policy_name(&line),
                duration: Duration::from_millis(line.needed("duration")?),
                reason: line.text("reason")?,
            },
            "stage" => Call::Stage(StageOverride {
                start: line.number("start")?.map(Timestamp::from_millis),
                paused: line.number::<u8>("paused")?.map(|paused| paused != 0),
            }),
            "report" => Call::Report(Box::new(get_report(&line, lines)?)),
            "renew" => Call::Renew {
                permit: bits(&line, "permit")?,
                hold: duration(&line, "hold")?,
            },
            "settle" => Call::Settle {
                permit: bits(&line, "permit")?,
                real: get_real(&line)?,
            },
            "topUp" => Call::TopUp(get_topup(&line)?),
            "conclude" => Call::Conclude {
                permit: bits(&line, "permit")?,
                outcome: get_outcome(&line)?,
            },
            "names" => Call::Names {
                permit: bits(&line, "permit")?,
                limits: get_limit_names(&line)?.ok_or(Unreadable::Damaged("limits"))?,
            },
            "release" => Call::Release {
                permit: bits(&line, "permit")?,
            },
            "return" => return Ok((version, Call::Return(get_returned(&line)?))),
            "overridden" => Call::Overridden(get_revision(&line, "revision")?),
            _ => return Err(Unreadable::Damaged("word")),
        };
        let call = match get_borrowing(&line)? {
            Some(borrowing) => Call::Borrowing {
                borrowing,
                call: Box::new(call),
            },
            None => call,
        };
        let keyed = get_keyed(&line)?;
        let known = line.get(KNOWN).map(|_| get_revision(&line, KNOWN));
        let record = line.get("record").map(|wish| wish == WITH_STATE);
        Ok((version, call.with_fields(keyed, known.transpose()?, record)))
    }

    /// The call as [`Call::Keyed`], [`Call::Knowing`] and [`Call::Recorded`], as far as each is
    /// given, in the order in which an object takes them off.
    #[must_use]
    pub fn with_fields(
        self,
        keyed: Option<Keyed>,
        overrides: Option<Revision>,
        with_state: Option<bool>,
    ) -> Call {
        let mut call = self;
        if let Some(keyed) = keyed {
            call = Call::Keyed {
                keyed,
                call: Box::new(call),
            };
        }
        if let Some(overrides) = overrides {
            call = Call::Knowing {
                overrides,
                call: Box::new(call),
            };
        }
        if let Some(with_state) = with_state {
            call = Call::Recorded {
                call: Box::new(call),
                with_state,
            };
        }
        call
    }
}

/// The wishes to have a call recorded.
const WITH_PLACE: &str = "place";
const WITH_STATE: &str = "state";

/// The text of a [`Call::Recorded`], of the text of its call.
pub fn recorded(call: &str, with_state: bool) -> String {
    let wish = if with_state { WITH_STATE } else { WITH_PLACE };
    with_field(call, format_args!("record={wish}"))
}

/// The text of a [`Call::Knowing`], of the text of its call.
pub fn knowing(call: &str, overrides: Revision) -> String {
    with_field(call, format_args!("{KNOWN}={}", text_of(overrides)))
}

/// The text of a [`Call::Borrowing`], of the text of its call.
pub fn borrowing(call: &str, borrowing: &Borrowing) -> String {
    with_field(call, format_args!("{}", borrowing_text(borrowing)))
}

/// The text of a [`Call::Keyed`], of the text of its call.
pub fn keyed(call: &str, keyed: &Keyed) -> String {
    let Keyed { id, question, aim } = keyed;
    let aim = match aim {
        Aim::Store(kept_for) => format!("keep={}", kept_for.as_millis()),
        Aim::Remember => "keep=memory".to_owned(),
        Aim::TakeBack { only_known: true } => "keep=known".to_owned(),
        Aim::TakeBack { only_known: false } => "keep=none".to_owned(),
    };
    with_field(call, format_args!("key={id:x} question={question:x} {aim}"))
}

fn get_keyed(line: &Line) -> Result<Option<Keyed>, Unreadable> {
    let Some(id) = optional_bits(line, "key")? else {
        return Ok(None);
    };
    let aim = match line.get("keep") {
        Some("memory") => Aim::Remember,
        Some("known") => Aim::TakeBack { only_known: true },
        Some("none") => Aim::TakeBack { only_known: false },
        _ => Aim::Store(Duration::from_millis(line.needed("keep")?)),
    };
    Ok(Some(Keyed {
        id,
        question: bits(line, "question")?,
        aim,
    }))
}

/// The text of a call with one field more in its first line.
fn with_field(call: &str, field: core::fmt::Arguments<'_>) -> String {
    let (first, rest) = call.split_at(call.find('\n').unwrap_or(call.len()));
    format!("{first} {field}{rest}")
}

/// The field of the revision that a Worker knows.
const KNOWN: &str = "overrides";

fn text_of(Revision { generation, number }: Revision) -> String {
    format!("{generation}:{number}")
}

fn get_revision(line: &Line, key: &'static str) -> Result<Revision, Unreadable> {
    let revision = || {
        let (generation, number) = line.get(key)?.split_once(':')?;
        Some(Revision {
            generation: generation.parse().ok()?,
            number: number.parse().ok()?,
        })
    };
    revision().ok_or(Unreadable::Damaged(key))
}

/// The text of a [`Call::Limit`], in the version that is written, without making the call. Of the
/// policies that the object keeps, as `is_kept` says, only name and version are told.
pub fn encode_limit(
    operation: Option<u128>,
    items: &[Item],
    is_kept: &dyn Fn(&Policy) -> bool,
) -> String {
    put_limits(MESSAGES.written(), operation, items, None, is_kept).finish()
}

/// The same of one that holds units which are one permit with those of other objects.
pub fn encode_hold(
    operation: Option<u128>,
    items: &[Item],
    holding: &Holding,
    is_kept: &dyn Fn(&Policy) -> bool,
) -> String {
    let holding = Some(holding);
    put_limits(MESSAGES.written(), operation, items, holding, is_kept).finish()
}

/// Encodes a call's text anew in another version; `None` when it cannot be read.
pub fn in_version(text: &str, version: Version) -> Option<String> {
    let (_, call) = Call::decode(text).ok()?;
    Some(call.encode_in(version))
}

/// The text of a [`Call::Charge`], in the version that is written, without making the call.
pub fn encode_charge(operation: u128, items: &[Item]) -> String {
    put_charges(MESSAGES.written(), operation, items).finish()
}

fn put_charges(version: Version, operation: u128, items: &[Item]) -> LineWriter {
    let is_plain = |item: &Item| item.check.is_plain();
    let word = match items.iter().all(is_plain) {
        true => "charge",
        false => "chargeEach",
    };
    let line = LineWriter::new(version, word).put("operation", hex(operation));
    items
        .iter()
        .fold(line, |line, item| put_item(line, item, false))
}

fn put_limits(
    version: Version,
    operation: Option<u128>,
    items: &[Item],
    holding: Option<&Holding>,
    is_kept: &dyn Fn(&Policy) -> bool,
) -> LineWriter {
    // A build that does not know all of what is asked must not decide the rest of it.
    let is_plain = |item: &Item| item.check.is_plain() && !item.holds();
    let word = match items.iter().all(is_plain) {
        true => "limit",
        false => "take",
    };
    let line = LineWriter::new(version, word).put_some("operation", operation.map(hex));
    let line = match holding {
        Some(holding) => put_home(line.put("permit", hex(holding.permit)), &holding.home),
        None => line,
    };
    let put = |line, item: &Item| put_item(line, item, is_kept(&item.policy));
    items.iter().fold(line, put)
}

fn put_item(line: LineWriter, item: &Item, is_kept: bool) -> LineWriter {
    let (policy, check) = (&item.policy, &item.check);
    let line = line.and("item");
    let line = if is_kept {
        put_reference(line, policy)
    } else {
        put_policy(line, policy)
    };
    let costs = (!check.costs.is_empty()).then(|| costs_text(&check.costs));
    let overage = (check.overage != Overage::Deny).then(|| check.overage.word());
    let line = put_class(line, policy)
        .put("cost", check.cost)
        .put_some("costs", costs)
        .put_some("overage", overage)
        .flag("giveBack", check.on_expiry == OnExpiry::GiveBack)
        .flag("past", check.record)
        .flag("peek", check.peek)
        .put_some("maxDelay", check.max_delay.map(Duration::as_millis))
        .put_some("hold", check.hold.map(Duration::as_millis))
        .flag("bypass", check.bypass);
    if is_kept {
        line
    } else {
        put_limits_of(line, policy)
    }
}

/// Reads on what terms units are held.
fn get_holding(line: &Line) -> Result<Option<Holding>, Unreadable> {
    let Some(permit) = optional_bits(line, "permit")? else {
        return Ok(None);
    };
    let home = get_home(line)?;
    Ok(Some(Holding { permit, home }))
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
    let check = Check {
        cost: line.needed("cost")?,
        costs: get_costs(line)?,
        overage: get_overage(line)?,
        on_expiry: match line.flag("giveBack") {
            true => OnExpiry::GiveBack,
            false => OnExpiry::Keep,
        },
        record: line.flag("past"),
        peek: line.flag("peek"),
        max_delay: duration(line, "maxDelay")?,
        hold: duration(line, "hold")?,
        bypass: line.flag("bypass"),
    };
    let policy = match limits.is_empty() {
        true => get_reference(line)?,
        false => get_policy(line, limits)?,
    };
    let policy = policy.asked_by(get_class(line)?);
    Ok(Item { policy, check })
}
