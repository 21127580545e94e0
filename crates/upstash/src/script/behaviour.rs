//! What each script does, as one of a few functions with its switches.

use super::buckets::{self, Bucket, Early, Look, Reject};
use super::call::Call;
use super::hits::{self, Hits};
use super::published::Script;
use super::regions::{self, Region};
use super::windows::{self, Fixed, Rate, Sliding};
use super::{analytics, lists};
use crate::error::RedisError;
use crate::reply::Reply;
use crate::values::value::Kind;

/// One of the functions.
enum Behaviour {
    Fixed(Fixed),
    FixedUsed,
    FixedRemaining,
    Sliding(Sliding),
    SlidingUsed,
    SlidingRemaining,
    Early(Early),
    Bucket(Bucket),
    Look(Look),
    Region(Kind),
    RegionUsed,
    RegionSliding(Region),
    RegionSlidingUsed,
    Reset,
    Denied,
    Aggregate,
    Usage,
    Top { denied: bool, bounded: bool },
    Hits(Hits),
    HitsRead,
    HitsTakenBack,
    Backoff,
    BackoffRead,
}

const SLIDING: Sliding = Sliding {
    absent: 0.0,
    rejected: -1.0,
    floored: true,
    rate: Rate::Number,
    dynamic: false,
};

const BUCKET: Bucket = Bucket {
    time: "refilledAt",
    rate: true,
    reject: Reject::Empty,
    keep_expiry: false,
    dynamic: false,
};

/// The Python releases name the field differently, so the two never share a bucket.
const PYTHON: Bucket = Bucket {
    time: "refilled_at",
    ..BUCKET
};

const REFUNDING: Bucket = Bucket {
    reject: Reject::EmptyConsuming,
    keep_expiry: true,
    dynamic: true,
    ..BUCKET
};

const REGION: Region = Region {
    kind: Kind::Hash,
    verdict: true,
    counts_itself: false,
};

impl Script {
    fn behaviour(self) -> &'static Behaviour {
        use Behaviour as B;
        match self {
            Script::F1 => &B::Fixed(Fixed {
                limit: false,
                rate: false,
            }),
            Script::F2 => &B::Fixed(Fixed {
                limit: false,
                rate: true,
            }),
            Script::F3 => &B::Fixed(Fixed {
                limit: true,
                rate: true,
            }),
            Script::FR1 => &B::FixedUsed,
            Script::FR2 => &B::FixedRemaining,
            Script::S0 => &B::Sliding(Sliding {
                rejected: 0.0,
                floored: false,
                rate: Rate::One,
                ..SLIDING
            }),
            Script::S0b => &B::Sliding(Sliding {
                absent: -1.0,
                floored: false,
                rate: Rate::One,
                ..SLIDING
            }),
            Script::S1 => &B::Sliding(Sliding {
                rate: Rate::One,
                ..SLIDING
            }),
            Script::S2 => &B::Sliding(Sliding {
                rate: Rate::Text,
                ..SLIDING
            }),
            Script::S3 => &B::Sliding(SLIDING),
            Script::S4 => &B::Sliding(Sliding {
                dynamic: true,
                ..SLIDING
            }),
            Script::SR1 => &B::SlidingUsed,
            Script::SR2 => &B::SlidingRemaining,
            Script::T0 => &B::Early(Early::Moving),
            Script::T0b => &B::Early(Early::Anchored),
            Script::T0p => &B::Early(Early::Grid),
            Script::T1 => &B::Bucket(Bucket {
                rate: false,
                ..BUCKET
            }),
            Script::T1p => &B::Bucket(Bucket {
                rate: false,
                ..PYTHON
            }),
            Script::T2 => &B::Bucket(BUCKET),
            Script::T2p => &B::Bucket(PYTHON),
            Script::T3 => &B::Bucket(Bucket {
                dynamic: false,
                ..REFUNDING
            }),
            Script::T4 => &B::Bucket(REFUNDING),
            Script::T5 => &B::Bucket(Bucket {
                reject: Reject::ShortConsuming,
                ..REFUNDING
            }),
            Script::T5p => &B::Bucket(Bucket {
                reject: Reject::Short,
                ..PYTHON
            }),
            Script::TR0 => &B::Look(Look::Tokens),
            Script::TR1 => &B::Look(Look::Both),
            Script::TR2 => &B::Look(Look::Limit),
            Script::MF0 => &B::Region(Kind::Set),
            Script::MF1 => &B::Region(Kind::Hash),
            Script::MFR => &B::RegionUsed,
            Script::MS0 => &B::RegionSliding(Region {
                kind: Kind::Set,
                verdict: false,
                ..REGION
            }),
            Script::MS0b => &B::RegionSliding(Region {
                kind: Kind::Set,
                ..REGION
            }),
            Script::MS1 => &B::RegionSliding(REGION),
            Script::MS2 => &B::RegionSliding(Region {
                counts_itself: true,
                ..REGION
            }),
            Script::MSR => &B::RegionSlidingUsed,
            Script::R => &B::Reset,
            Script::D => &B::Denied,
            Script::A1 => &B::Aggregate,
            Script::A2 => &B::Usage,
            Script::A3a => &B::Top {
                denied: false,
                bounded: false,
            },
            Script::A3b => &B::Top {
                denied: true,
                bounded: false,
            },
            Script::A3c => &B::Top {
                denied: true,
                bounded: true,
            },
            Script::H1 => &B::Hits(Hits {
                renewable: true,
                replaces: false,
            }),
            Script::H2 => &B::Hits(Hits {
                renewable: true,
                replaces: true,
            }),
            Script::H3 => &B::Hits(Hits {
                renewable: false,
                replaces: true,
            }),
            Script::HR => &B::HitsRead,
            Script::HD => &B::HitsTakenBack,
            Script::B1 => &B::Backoff,
            Script::BR => &B::BackoffRead,
        }
    }
}

/// Runs a script. When it fails, it has changed nothing.
pub(super) fn run(script: Script, call: &mut Call<'_>) -> Result<Reply, RedisError> {
    match script.behaviour() {
        Behaviour::Fixed(kind) => windows::fixed(call, kind),
        Behaviour::FixedUsed => windows::fixed_used(call),
        Behaviour::FixedRemaining => windows::fixed_remaining(call),
        Behaviour::Sliding(kind) => windows::sliding(call, kind),
        Behaviour::SlidingUsed => windows::sliding_used(call),
        Behaviour::SlidingRemaining => windows::sliding_remaining(call),
        Behaviour::Early(kind) => buckets::early(call, *kind),
        Behaviour::Bucket(kind) => buckets::bucket(call, kind),
        Behaviour::Look(kind) => buckets::look(call, *kind),
        Behaviour::Region(kind) => regions::fixed(call, *kind),
        Behaviour::RegionUsed => regions::fixed_used(call),
        Behaviour::RegionSliding(kind) => regions::sliding(call, kind),
        Behaviour::RegionSlidingUsed => regions::sliding_used(call),
        Behaviour::Reset => lists::reset(call),
        Behaviour::Denied => lists::denied(call),
        Behaviour::Aggregate => analytics::aggregate(call),
        Behaviour::Usage => analytics::usage(call),
        Behaviour::Top { denied, bounded } => analytics::top(call, *denied, *bounded),
        Behaviour::Hits(kind) => hits::count(call, kind),
        Behaviour::HitsRead => hits::read(call),
        Behaviour::HitsTakenBack => hits::take_back(call),
        Behaviour::Backoff => hits::count_with_backoff(call),
        Behaviour::BackoffRead => hits::read_with_backoff(call),
    }
}
