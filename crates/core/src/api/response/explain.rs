//! What `GET /policies/{name}/explain` is answered: what a policy admits at worst, how it comes
//! back, and when a subject is admitted next.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::api::policy::schedule::{stages_of, times_of, StepBody};
use crate::explain::{admits_out_of_reach, Admits, HoldsFor, Least, LimitExplanation, WorstCase};
use crate::limit::{Kind, Name};
use crate::policy::consistency::Consistency;
use crate::policy::{FailMode, Policy};
use crate::Duration;

/// The body of `GET /policies/{name}/explain`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ExplainBody<'a> {
    /// The policy's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy: Option<Cow<'a, str>>,
    /// The policy's version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<u64>,
    /// Where it is decided, and for what the worst case of each limit holds.
    pub mode: ModeBody,
    /// What happens while the object or the binding that decides is out of reach; absent where
    /// isolates decide.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fail_mode: Option<FailModeBody>,
    /// Each limit, in the policy's order. A request has to find room at all of them.
    pub limits: Vec<LimitExplainBody<'a>>,
    /// The time from now until each of the subject's next admissions of one unit, in ms, when each
    /// is asked for as soon as it is admitted and nobody else asks. Fewer where the next one never
    /// comes; absent where no subject was asked about, or its object did not tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<Vec<u64>>,
}

/// Where a policy is decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ModeBody {
    /// `strong`, `leased`, `eventual` or `local`.
    pub consistency: Consistency,
    /// For what the worst case of each limit holds: the `subject` (exact), each `isolate` (n of
    /// them admit up to n times as much), or each `location` (as far as its binding keeps it, which
    /// is not promised).
    pub holds_for: HoldsFor,
    /// What bounds the leases of `leased`; a change holds when those of isolates are over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lease: Option<LeaseBody>,
}

/// What bounds leases.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LeaseBody {
    /// The most units that one isolate has at once; absent where its use and what is left decide.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<u64>,
    /// How long a lease lives, in ms: so late does a change hold.
    pub life: u64,
}

impl LeaseBody {
    fn of(policy: &Policy) -> LeaseBody {
        let terms = policy.lease().unwrap_or_default();
        LeaseBody {
            max: terms.max(),
            life: terms.life().as_millis(),
        }
    }
}

/// What a policy admits while it cannot be decided where it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FailModeBody {
    /// `open`, `closed`, `share` or `eventual`.
    pub mode: FailMode,
    /// `all` without bound, `nothing`, or `perIsolate`: what each limit's `outOfReach` says.
    pub admits: Admits,
}

/// One limit of an explained policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LimitExplainBody<'a> {
    /// Its name in the policy; absent where it has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<Cow<'a, str>>,
    /// What answers call it: its name, else such as `100/15m`.
    pub label: String,
    /// Its algorithm.
    pub algorithm: Kind,
    /// Limit or capacity, in units, without steps.
    pub limit: u64,
    /// Its steps from a subject's start on. `worstCase` is then that of the largest numbers of any
    /// step, and `curve` that of `limit`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stages: Vec<StepBody>,
    /// Its hours with other numbers; of `worstCase` and `curve` the same holds.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub times: Vec<StepBody>,
    /// The most that it admits.
    pub worst_case: WorstCaseBody,
    /// Only with `consistency: "eventual"`: how far isolates may exceed it together.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub over_admission: Option<OverAdmissionPerIsolateBody>,
    /// What each isolate admits under it while what decides is out of reach, on top of all else;
    /// absent where that is nothing, or has no bound.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub out_of_reach: Option<OutOfReachBody>,
    /// Of a shared limit the least that each class has, in the order in which they are written and
    /// last, without a name, that of each other; absent where it is not shared.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub classes: Vec<LeastBody>,
    /// When everything was used at once in `curve`, in Unix ms: at the start of the window or
    /// period under way, or now where there is none.
    pub emptied_at: u64,
    /// How the units come back after that, if nobody asks: at most eight points, the first at 0,
    /// both numbers rising.
    pub curve: Vec<PointBody>,
}

/// The least that a class of callers has of a limit while all others ask for all they can get, in
/// units, rounded down.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LeastBody {
    /// The class; absent for each that is not named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its weight.
    pub weight: u64,
    /// Its own part of the capacity.
    pub capacity: u64,
    /// What comes back to it in an hour.
    pub per_hour: u64,
}

impl From<&Least> for LeastBody {
    fn from(least: &Least) -> LeastBody {
        LeastBody {
            name: least.name.as_deref().map(str::to_owned),
            weight: least.weight,
            capacity: least.capacity,
            per_hour: least.per_hour,
        }
    }
}

/// The most units that a limit admits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WorstCaseBody {
    /// The window that `units` is about, in ms: the limit's own; of a quota the shortest of the
    /// period under way and the two beside it; of a bucket the time from empty to full. Absent for
    /// `concurrency`, whose `units` are held at one instant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub window: Option<u64>,
    /// The most units in any window of that length, wherever it starts.
    pub units: u64,
    /// The most units in one window or period of its own, where these start at fixed instants.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub aligned: Option<u64>,
    /// The most units in any hour, of a bucket.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub per_hour: Option<u64>,
    /// The most units in any 24 hours, of a bucket.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub per_day: Option<u64>,
}

/// How far isolates that count through KV may exceed a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OverAdmissionPerIsolateBody {
    /// The most units above the limit in an aligned window, for each isolate but the first.
    pub per_isolate: u64,
    /// How long isolates do not know of each other's units, on average, in ms. With n isolates and
    /// r units asked a ms, a window ends on average at most (n − 1) / n · r · this above the limit.
    pub unseen: u64,
}

/// What one isolate admits in the place of what decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OutOfReachBody {
    /// The most units in one window.
    pub units: u64,
    /// The window, in ms: from the first use of a share on, or the limit's own.
    pub window: u64,
}

/// What is available at one instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PointBody {
    /// The time since `emptiedAt`, in ms.
    pub at: u64,
    /// Units that are admitted then, and not one more.
    pub available: u64,
}

impl<'a> ExplainBody<'a> {
    /// The body for a policy: what is known of its limits, and of the next admissions of a subject
    /// where one was asked about.
    pub fn new(
        policy: &'a Policy,
        limits: &[LimitExplanation<'a>],
        next: Option<&[Duration]>,
    ) -> ExplainBody<'a> {
        let consistency = policy.consistency();
        ExplainBody {
            policy: policy.name().map(|name| name.as_str().into()),
            version: policy.name().map(|_| policy.version().number),
            mode: ModeBody {
                consistency,
                holds_for: HoldsFor::of(consistency),
                lease: (consistency == Consistency::Leased).then(|| LeaseBody::of(policy)),
            },
            fail_mode: admits_out_of_reach(policy).map(|admits| FailModeBody {
                mode: policy.fail_mode(),
                admits,
            }),
            limits: limits.iter().map(LimitExplainBody::new).collect(),
            next: next.map(|next| next.iter().map(|after| after.as_millis()).collect()),
        }
    }
}

impl<'a> LimitExplainBody<'a> {
    fn new(explained: &LimitExplanation<'a>) -> LimitExplainBody<'a> {
        let limit = explained.limit;
        let over = explained.over_admission;
        let reach = explained.out_of_reach;
        let points = explained.curve.points.iter();
        LimitExplainBody {
            name: limit.name().map(Name::as_str).map(Cow::Borrowed),
            label: limit.label(),
            algorithm: limit.algorithm().kind(),
            limit: limit.algorithm().limit(),
            stages: stages_of(limit),
            times: times_of(limit),
            worst_case: (&explained.worst_case).into(),
            over_admission: over.map(|over| OverAdmissionPerIsolateBody {
                per_isolate: over.per_isolate,
                unseen: over.unseen.as_millis(),
            }),
            out_of_reach: reach.map(|reach| OutOfReachBody {
                units: reach.units,
                window: reach.window.as_millis(),
            }),
            classes: explained.classes.iter().map(LeastBody::from).collect(),
            emptied_at: explained.curve.emptied_at.as_millis(),
            curve: points
                .map(|point| PointBody {
                    at: point.at.as_millis(),
                    available: point.available,
                })
                .collect(),
        }
    }
}

impl From<&WorstCase> for WorstCaseBody {
    fn from(worst: &WorstCase) -> WorstCaseBody {
        WorstCaseBody {
            window: worst.window.map(Duration::as_millis),
            units: worst.units,
            aligned: worst.aligned,
            per_hour: worst.sustained.map(|it| it.per_hour),
            per_day: worst.sustained.map(|it| it.per_day),
        }
    }
}
