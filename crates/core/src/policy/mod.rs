//! Policies: one or more limits that are decided together, all or nothing, and how they behave when
//! their object is out of reach.

pub mod consistency;
mod counting;
mod fail_mode;
mod granted;
mod later;
mod lending;
pub mod outbound;
pub mod penalty;
mod shared;
mod version;

pub use counting::MIN_COUNTED_WINDOW;
pub use fail_mode::FailMode;
pub use granted::Granted;
pub use later::{Later, MAX_LATER};
pub use version::Version;

use std::sync::Arc;

use consistency::{Consistency, LocalLimit};
use outbound::{Adapt, Outbound};
use penalty::Penalty;
use shared::Shared;

use crate::error::InvalidLimit;
use crate::idempotency::{MAX_KEPT_FOR, MIN_KEPT_FOR};
use crate::lease::Terms;
use crate::limit::weights::{Asks, ClassName, Weights};
use crate::limit::{in_range, Limit, Name};
use crate::number::MAX_SAFE;
use crate::subject::Ipv6Prefix;
use crate::{Duration, Timestamp};

/// The most limits in one policy.
pub const MAX_LIMITS: usize = 8;

/// The setting of how long idempotency keys are known.
const IDEMPOTENCY_FOR: &str = "idempotencyFor";

/// A set of limits, named and versioned or inline.
///
/// ```
/// use tollgate_core::{limit::Window, policy::Policy, Algorithm, Duration, Limit};
///
/// let hourly = Window::new(100, Duration::from_secs(3600))?;
/// let policy = Policy::new(vec![Limit::new(None, Algorithm::SlidingWindow(hourly))])?;
/// assert_eq!(policy.limits()[0].label(), "100/1h");
/// # Ok::<(), tollgate_core::InvalidLimit>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Policy {
    name: Option<Name>,
    version: Version,
    limits: Vec<Limit>,
    consistency: Consistency,
    /// What bounds its leases, where it says so.
    lease: Option<Terms>,
    shed: Option<LocalLimit>,
    fail_mode: FailMode,
    refunds: bool,
    write_ahead: Option<u64>,
    replaces_inline: bool,
    ipv6_prefix: Option<Ipv6Prefix>,
    idempotency_for: Option<Duration>,
    penalty: Option<Box<Penalty>>,
    /// Of a policy that classes share, or that a class asks; apart, because few are.
    shared: Option<Box<Shared>>,
    /// How it heeds its upstream, where it says so.
    outbound: Option<Box<Outbound>>,
    /// What overrides grant beyond the limits.
    granted: Vec<Granted>,
    /// What its limits will be when overrides have ended.
    later: Vec<Later>,
    gives_permits: bool,
    shapes: bool,
    /// Until when the numbers are in force; `None`: no end is known.
    until: Option<Timestamp>,
}

impl Policy {
    /// An inline policy of 1 to [`MAX_LIMITS`] limits, no two of which share a state.
    pub fn new(limits: Vec<Limit>) -> Result<Policy, InvalidLimit> {
        in_range("limits", limits.len() as u64, 1, MAX_LIMITS as u64)?;
        for (i, limit) in limits.iter().enumerate() {
            if limits[..i]
                .iter()
                .any(|other| other.shares_state_with(limit))
            {
                return Err(InvalidLimit::Conflict {
                    field: "limits",
                    with: "another limit of the same algorithm and window: give each a `name`",
                });
            }
        }
        Ok(Policy::inline(limits))
    }

    /// An inline policy of one limit, which is in nobody's way.
    pub fn of(limit: Limit) -> Policy {
        Policy::inline(vec![limit])
    }

    fn inline(limits: Vec<Limit>) -> Policy {
        Policy {
            gives_permits: limits.iter().any(Limit::gives_permits),
            shapes: limits.iter().any(Limit::is_shaper),
            name: None,
            version: Version::NONE,
            limits,
            consistency: Consistency::Strong,
            lease: None,
            shed: None,
            fail_mode: FailMode::Open,
            refunds: true,
            write_ahead: None,
            replaces_inline: false,
            ipv6_prefix: None,
            idempotency_for: None,
            penalty: None,
            shared: None,
            outbound: None,
            granted: Vec::new(),
            later: Vec::new(),
            until: None,
        }
    }

    /// Gives the policy its name and version; versions rise for ever per name. A version stands for
    /// one definition.
    #[must_use]
    pub fn named(mut self, name: Name, version: Version) -> Policy {
        self.name = Some(name);
        self.version = version;
        self
    }

    /// A policy of which only the name and the version are told, to an object that keeps the rest.
    /// It has no limits, and nothing is decided by it.
    pub fn reference(name: Name, version: Version) -> Policy {
        Policy::inline(Vec::new()).named(name, version)
    }

    /// Whether this is a [`Policy::reference`].
    pub const fn is_reference(&self) -> bool {
        self.limits.is_empty()
    }

    /// The policy with what an object decides by taken from another of its versions: the limits,
    /// `writeAhead`, `replacesInline`, `penalty`, `weights`, how it heeds its upstream, and what
    /// overrides say.
    #[must_use]
    pub fn under(&self, other: &Policy) -> Policy {
        Policy {
            version: other.version,
            limits: other.limits.clone(),
            write_ahead: other.write_ahead,
            replaces_inline: other.replaces_inline,
            penalty: other.penalty.clone(),
            shared: Shared::boxed(other.weights().cloned(), self.class().cloned()),
            outbound: other.outbound.clone(),
            granted: other.granted.clone(),
            later: other.later.clone(),
            gives_permits: other.gives_permits,
            shapes: other.shapes,
            name: self.name.clone(),
            ..*self
        }
    }

    /// The same policy with other limits. An error where they could not be decided so; where they
    /// cannot be shared, all callers are served alike.
    pub fn with_limits(&self, limits: Vec<Limit>) -> Result<Policy, InvalidLimit> {
        let bare = Policy::new(limits)?;
        self.consistency.suits(&bare.limits)?;
        if self.fail_mode == FailMode::Eventual {
            Consistency::Eventual.suits(&bare.limits)?;
        }
        if self.replaces_inline {
            bare.clone().replacing_inline()?;
        }
        let write_ahead = self.write_ahead.map(|it| it.min(bare.max_write_ahead()));
        let is_shared = shared::suits(&bare.limits).is_ok();
        Ok(Policy {
            shared: self.shared.clone().filter(|_| is_shared),
            limits: bare.limits,
            gives_permits: bare.gives_permits,
            shapes: bare.shapes,
            write_ahead,
            name: self.name.clone(),
            penalty: self.penalty.clone(),
            outbound: self.outbound.clone(),
            granted: self.granted.clone(),
            later: self.later.clone(),
            ..*self
        })
    }

    /// The same policy under overrides of this instant: see [`Version::adjusted`]. Nothing where it
    /// has no version.
    #[must_use]
    pub fn adjusted_at(mut self, at: u64) -> Policy {
        if self.version.is_given() {
            self.version.adjusted = at;
        }
        self
    }

    /// The same policy with units that overrides grant beyond its limits. They are taken where the
    /// subject's object decides, which alone knows what was taken; slots are given back by their
    /// permits. Where either is not so, nothing is granted.
    #[must_use]
    pub fn with_granted(mut self, granted: Vec<Granted>) -> Policy {
        if self.takes_grants() {
            self.granted = granted;
        }
        self
    }

    /// The same policy with what its limits will be, in the order of the instants; it is of use
    /// where the subject's object decides.
    #[must_use]
    pub fn with_later(mut self, later: Vec<Later>) -> Policy {
        if self.consistency.is_of_object() {
            self.later = later;
        }
        self
    }

    /// The policy as it is at this instant, if its limits are others then: `None` where they are
    /// these.
    pub fn changed_by(&self, now: Timestamp) -> Option<Policy> {
        let over = self.later.iter().take_while(|later| later.at <= now);
        let later = &self.later[over.count().checked_sub(1)?..];
        let mut changed = self.with_limits(later[0].limits.clone()).ok()?;
        changed.later = later[1..].to_vec();
        Some(changed)
    }

    /// Whether everything is let through at this instant, by an override that holds then.
    pub fn is_open_by(&self, now: Timestamp) -> bool {
        let over = self.later.iter().take_while(|later| later.at <= now);
        over.last().is_some_and(|later| later.is_open)
    }

    /// Its limits, and what they will be.
    pub(crate) fn definitions(&self) -> impl Iterator<Item = &Limit> {
        let later = self.later.iter().flat_map(|later| &later.limits);
        self.limits.iter().chain(later)
    }

    /// What one of its limits will be.
    pub(crate) fn later_of(&self, limit: &Limit) -> Vec<Later> {
        later::of_limit(&self.later, limit)
    }

    /// What its limits will be.
    pub fn later(&self) -> &[Later] {
        &self.later
    }

    /// The next instant after this one at which an override ends and its limits are others.
    pub fn next_later(&self, now: Timestamp) -> Option<Timestamp> {
        let mut instants = self.later.iter().map(|later| later.at);
        instants.find(|at| *at > now)
    }

    /// Whether overrides say anything that only the object can use.
    pub fn is_overridden(&self) -> bool {
        !self.granted.is_empty() || !self.later.is_empty()
    }

    /// Whether an object decides by its limits alone.
    pub fn is_plain(&self) -> bool {
        let is_bare = self.penalty.is_none() && self.weights().is_none();
        is_bare && self.outbound.is_none() && !self.is_overridden()
    }

    /// Whether units may be granted beyond its limits.
    pub fn takes_grants(&self) -> bool {
        !self.gives_permits && self.consistency.is_of_object()
    }

    /// Of this version, the limits that count what limits of another one count: the same state, or
    /// of the same name. `None` where there are none.
    pub fn part(&self, other: &Policy) -> Option<Policy> {
        let counts = |limit: &Limit, other: &Limit| {
            limit.shares_state_with(other)
                || (limit.name().is_some() && limit.name() == other.name())
        };
        let mut limits = self.limits.clone();
        limits.retain(|limit| other.limits.iter().any(|other| counts(limit, other)));
        let part = Policy::new(limits).ok()?;
        Some(Policy {
            name: self.name.clone(),
            version: self.version,
            write_ahead: self.write_ahead,
            replaces_inline: self.replaces_inline,
            penalty: self.penalty.clone(),
            shared: self.shared.clone(),
            outbound: self.outbound.clone(),
            later: self.later.clone(),
            ..part
        })
    }

    /// Where the policy is decided; [`Consistency::Strong`] unless said. Not every limit can be
    /// decided everywhere.
    pub fn with_consistency(mut self, consistency: Consistency) -> Result<Policy, InvalidLimit> {
        consistency.suits(&self.limits)?;
        self.consistency = consistency;
        self.checked()
    }

    /// Bounds what one borrower is lent at once and for how long; only with
    /// [`Consistency::Leased`].
    pub fn with_lease(mut self, terms: Terms) -> Result<Policy, InvalidLimit> {
        if self.consistency != Consistency::Leased {
            return Err(InvalidLimit::Conflict {
                field: "lease",
                with: "`consistency`: only `leased` lends",
            });
        }
        self.lease = Some(terms);
        Ok(self)
    }

    /// What bounds its leases, where it says so.
    pub const fn lease(&self) -> Option<Terms> {
        self.lease
    }

    /// Sheds floods in front: what a native binding refuses is not asked of anything else.
    pub fn with_shed(mut self, shed: LocalLimit) -> Result<Policy, InvalidLimit> {
        self.shed = Some(shed);
        self.checked()
    }

    fn checked(self) -> Result<Policy, InvalidLimit> {
        if self.shed.is_some() && self.consistency == Consistency::Local {
            return Err(InvalidLimit::Conflict {
                field: "shed",
                with: "`consistency: \"local\"`, which is the same alone",
            });
        }
        if self.replaces_inline && self.consistency != Consistency::Strong {
            return Err(InvalidLimit::Conflict {
                field: "replacesInline",
                with: "`consistency`: only the subject's object charges both",
            });
        }
        self.shared_checked()?;
        if self.idempotency_for.is_some() && !self.consistency.is_of_object() {
            return Err(InvalidLimit::Conflict {
                field: IDEMPOTENCY_FOR,
                with: "`consistency`: only the subject's object knows a request again",
            });
        }
        if self.penalty.is_some() && self.consistency != Consistency::Strong {
            return Err(InvalidLimit::Conflict {
                field: "penalty",
                with: "`consistency`: the subject's object has to see the refusals; take `strong`",
            });
        }
        match (&self.outbound, self.consistency) {
            (Some(outbound), Consistency::Leased)
                if outbound.needs_object() || outbound.breaker.is_some() =>
            {
                Err(InvalidLimit::Conflict {
                    field: "consistency",
                    with: "`pace`, `adapt` or `breaker`: only the subject's object sees each call; take `strong`",
                })
            }
            (Some(outbound), Consistency::Eventual) if outbound.needs_object() => {
                Err(InvalidLimit::Conflict {
                    field: "consistency",
                    with: "`pace` or `adapt`: only the subject's object sees each call; take `strong`",
                })
            }
            (Some(_), Consistency::Local) => Err(InvalidLimit::Conflict {
                field: "consistency",
                with: "settings that heed an upstream, of which a native binding hears nothing; take `strong` or `eventual`",
            }),
            _ => Ok(self),
        }
    }

    /// What happens when the object cannot be reached; [`FailMode::Open`] unless said.
    /// [`FailMode::Eventual`] takes limits that can be counted through KV.
    pub fn with_fail_mode(mut self, fail_mode: FailMode) -> Result<Policy, InvalidLimit> {
        if fail_mode == FailMode::Eventual {
            Consistency::Eventual.suits(&self.limits)?;
        }
        self.fail_mode = fail_mode;
        Ok(self)
    }

    /// Makes a negative cost an error.
    #[must_use]
    pub const fn without_refunds(mut self) -> Policy {
        self.refunds = false;
        self
    }

    /// Charges its limits together with the inline limits that they take the place of: those of the
    /// same algorithm and time dimension, without a name or with the same. Not for slots, which
    /// their permits free; and only where the object decides, which alone knows both.
    pub fn replacing_inline(mut self) -> Result<Policy, InvalidLimit> {
        if self.gives_permits {
            return Err(InvalidLimit::Conflict {
                field: "replacesInline",
                with: "`concurrency`, whose slots are freed by their permits",
            });
        }
        self.replaces_inline = true;
        self.checked()
    }

    /// Counts IPv6 addresses by their network. Whoever names a subject of the policy asks
    /// [`SubjectParts::in_network`]; the object never learns of it.
    ///
    /// [`SubjectParts::in_network`]: crate::subject::SubjectParts::in_network
    #[must_use]
    pub const fn with_ipv6_prefix(mut self, prefix: Ipv6Prefix) -> Policy {
        self.ipv6_prefix = Some(prefix);
        self
    }

    /// For how long a request is known under its idempotency key: [`MIN_KEPT_FOR`] to
    /// [`MAX_KEPT_FOR`]; only where the object decides, which alone knows it again.
    pub fn with_idempotency_for(mut self, kept_for: Duration) -> Result<Policy, InvalidLimit> {
        let (min, max) = (MIN_KEPT_FOR.as_millis(), MAX_KEPT_FOR.as_millis());
        in_range(IDEMPOTENCY_FOR, kept_for.as_millis(), min, max)?;
        self.idempotency_for = Some(kept_for);
        self.checked()
    }

    /// Shuts subjects out that go on being refused; only where the object decides, which alone sees
    /// their refusals.
    pub fn with_penalty(mut self, penalty: Penalty) -> Result<Policy, InvalidLimit> {
        self.penalty = Some(Box::new(penalty));
        self.checked()
    }

    /// Divides its limits among classes of callers. Only for plain buckets, which no policy counts
    /// elsewhere than in the subject's object: it alone sees all classes.
    pub fn with_weights(mut self, weights: Weights) -> Result<Policy, InvalidLimit> {
        shared::suits(&self.limits)?;
        self.shared = Shared::boxed(Some(weights), self.class().cloned());
        self.checked()
    }

    fn shared_checked(&self) -> Result<(), InvalidLimit> {
        if self.weights().is_some() && self.consistency != Consistency::Strong {
            let with = "`consistency`: the subject's object has to see every class; take `strong`";
            return Err(InvalidLimit::Conflict {
                field: shared::FIELD,
                with,
            });
        }
        if self.weights().is_some() && self.replaces_inline {
            let with = "`replacesInline`: inline limits have no classes";
            return Err(InvalidLimit::Conflict {
                field: shared::FIELD,
                with,
            });
        }
        Ok(())
    }

    /// The weights of the classes that share its limits, if it has any.
    pub fn weights(&self) -> Option<&Weights> {
        self.shared.as_ref()?.weights.as_ref()
    }

    /// The class that asks it, as far as it is not the rest.
    pub fn class(&self) -> Option<&Arc<str>> {
        self.shared.as_ref()?.class.as_ref()
    }

    /// The same policy, asked by this class.
    #[must_use]
    pub fn asked_by(mut self, class: ClassName) -> Policy {
        self.shared = Shared::boxed(self.weights().cloned(), class);
        self
    }

    /// The same policy, asked with this priority, for this subject below; it changes nothing where
    /// the policy has no weights.
    #[must_use]
    pub fn asked_with(self, priority: Option<&str>, child: Option<&str>) -> Policy {
        match self.weights() {
            Some(weights) => {
                let class = weights.class(priority, child);
                self.asked_by(class)
            }
            None => self,
        }
    }

    /// Who asks, where its limits are shared.
    pub(crate) fn asks(&self) -> Option<Asks<'_>> {
        let Shared { weights, class } = self.shared.as_deref()?;
        let weights = weights.as_ref()?;
        Some(Asks { weights, class })
    }

    /// Heeds its upstream in this way; not where a native binding decides, and where isolates count
    /// only what [needs no object](Outbound::needs_object).
    pub fn with_outbound(mut self, outbound: Outbound) -> Result<Policy, InvalidLimit> {
        self.outbound = (!outbound.is_default()).then(|| Box::new(outbound));
        self.checked()
    }

    /// The limit that follows what the upstream bears, by its place, and how.
    pub(crate) fn adapting(&self) -> Option<(usize, &Adapt)> {
        let adapt = self.outbound()?.adapt.as_ref()?;
        let mut limits = self.limits.iter();
        let place = match &adapt.limit {
            Some(label) => limits.position(|it| it.is_called(label))?,
            None => 0,
        };
        (place < self.limits.len()).then_some((place, adapt))
    }

    /// The same policy where another limit adapts, or none.
    #[must_use]
    pub(crate) fn with_adapt(mut self, adapt: Option<Adapt>) -> Policy {
        let outbound = self.outbound.map(|it| Outbound { adapt, ..*it });
        self.outbound = outbound.filter(|it| !it.is_default()).map(Box::new);
        self
    }

    /// How many units a stored row may run ahead of the real use, plus one (R of the write-ahead
    /// rule): 1 to 2^53. A crash refuses at most R − 1 units too many and never admits one too
    /// many; a larger R writes less often. More than [`Policy::max_write_ahead`] means no more than
    /// that, and is kept as that.
    pub fn with_write_ahead(mut self, units: u64) -> Result<Policy, InvalidLimit> {
        let units = in_range("writeAhead", units, 1, MAX_SAFE)?;
        self.write_ahead = Some(units.min(self.max_write_ahead()));
        Ok(self)
    }

    /// The largest R: the largest limit, or 1. More units than that are never ahead of a row.
    pub fn max_write_ahead(&self) -> u64 {
        let limits = self.limits.iter();
        limits.fold(1, |max, limit| max.max(limit.largest().algorithm().limit()))
    }

    /// For how long a request is to be known under its idempotency key, where that is said.
    pub const fn idempotency_for(&self) -> Option<Duration> {
        self.idempotency_for
    }

    /// Whether any of its limits has numbers that change by themselves.
    pub fn is_scheduled(&self) -> bool {
        self.limits.iter().any(|limit| limit.schedule().is_some())
    }

    /// Whether any of its limits has stages, which need the subject's start.
    pub fn has_stages(&self) -> bool {
        self.limits.iter().any(Limit::has_stages)
    }

    /// The same policy with other numbers of its limits, which are in force `until` then.
    pub(crate) fn with_numbers(&self, limits: Vec<Limit>, until: Option<Timestamp>) -> Policy {
        Policy {
            limits,
            until,
            ..self.clone()
        }
    }

    /// The same policy with other numbers of a limit, as its upstream bears them.
    pub(crate) fn with_adapted(&self, limits: Vec<Limit>) -> Policy {
        self.with_numbers(limits, self.until)
    }

    /// The same policy with so many units less of each limit in force.
    pub(crate) fn lessened(&self, units: &[u64]) -> Policy {
        let limits = self.limits.iter().zip(units);
        Policy {
            limits: limits
                .map(|(limit, units)| limit.lessened(*units))
                .collect(),
            ..self.clone()
        }
    }

    /// The first instant after `now` at which it is decided by other numbers than these; `None`
    /// where that is not known to come. Nothing is promised for then or later.
    pub fn in_force_until(&self, now: Timestamp) -> Option<Timestamp> {
        let later = self.next_later(now);
        self.until.into_iter().chain(later).min()
    }

    /// The policy's name; `None` for an inline one.
    pub const fn name(&self) -> Option<&Name> {
        self.name.as_ref()
    }

    /// The name as text, empty for an inline policy: the first part of each state's key.
    pub fn name_or_empty(&self) -> &str {
        self.name.as_ref().map_or("", Name::as_str)
    }

    /// The version; [`Version::NONE`] for an inline policy.
    pub const fn version(&self) -> Version {
        self.version
    }

    /// The limits, in the order given.
    pub fn limits(&self) -> &[Limit] {
        &self.limits
    }

    /// Where the policy is decided.
    pub const fn consistency(&self) -> Consistency {
        self.consistency
    }

    /// What sheds floods in front, if anything does.
    pub const fn shed(&self) -> Option<LocalLimit> {
        self.shed
    }

    /// What happens when the object cannot be reached.
    pub const fn fail_mode(&self) -> FailMode {
        self.fail_mode
    }

    /// Whether a negative cost gives units back.
    pub const fn refunds(&self) -> bool {
        self.refunds
    }

    /// Whether its limits are charged together with inline ones.
    pub const fn replaces_inline(&self) -> bool {
        self.replaces_inline
    }

    /// By which network IPv6 addresses are counted; `None`: each for itself, as it is written.
    pub const fn ipv6_prefix(&self) -> Option<Ipv6Prefix> {
        self.ipv6_prefix
    }

    /// What becomes of subjects that go on being refused, if anything does.
    pub fn penalty(&self) -> Option<&Penalty> {
        self.penalty.as_deref()
    }

    /// How it heeds its upstream, where it says so.
    pub fn outbound(&self) -> Option<&Outbound> {
        self.outbound.as_deref()
    }

    /// The units that overrides grant beyond its limits.
    pub fn granted(&self) -> &[Granted] {
        &self.granted
    }

    /// The R that the policy sets, if any.
    pub const fn write_ahead(&self) -> Option<u64> {
        self.write_ahead
    }

    /// Whether any limit gives out slots, so that an admission carries a permit.
    pub const fn gives_permits(&self) -> bool {
        self.gives_permits
    }

    /// Whether any limit spaces its callers, so that an admission carries a delay.
    pub const fn shapes(&self) -> bool {
        self.shapes
    }
}
