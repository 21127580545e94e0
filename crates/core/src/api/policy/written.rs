//! The canonical form of a policy, which [`super::parse`] reads back.

use serde::{Serialize, Serializer};

use super::definition::DefinitionBody;
use super::outbound::OutboundForm;
use crate::lease::Terms;
use crate::limit::weights::{By, Weights};
use crate::limit::{Kind, Limit, Name};
use crate::policy::consistency::{Consistency, LocalLimit};
use crate::policy::penalty::Penalty;
use crate::policy::{FailMode, Policy};
use crate::subject::Ipv6Prefix;
use crate::Duration;

/// A policy without its name and version.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PolicyForm<'a> {
    limits: Vec<LimitForm<'a>>,
    #[serde(skip_serializing_if = "is_default")]
    consistency: Consistency,
    #[serde(skip_serializing_if = "Option::is_none")]
    lease: Option<LeaseForm>,
    #[serde(skip_serializing_if = "is_default")]
    fail_mode: FailMode,
    #[serde(skip_serializing_if = "Option::is_none")]
    shed: Option<ShedForm>,
    #[serde(skip_serializing_if = "Option::is_none")]
    write_ahead: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refunds: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    replaces_inline: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ipv6_prefix: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    penalty: Option<&'a Penalty>,
    #[serde(skip_serializing_if = "Option::is_none")]
    weights: Option<WeightsForm<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    by: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    idempotency_for: Option<Duration>,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    outbound: Option<OutboundForm>,
}

/// The weights by the names of the classes, in the order in which they are written.
struct WeightsForm<'a>(&'a Weights);

impl Serialize for WeightsForm<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(
            self.0
                .written()
                .iter()
                .map(|(name, weight)| (&**name, weight)),
        )
    }
}

/// One limit, as an element of `limits`.
#[derive(Serialize)]
struct LimitForm<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a Name>,
    algorithm: Kind,
    /// Absent where the definition has a `capacity`.
    #[serde(skip_serializing_if = "Option::is_none")]
    limit: Option<u64>,
    #[serde(flatten)]
    definition: DefinitionBody,
}

#[derive(Serialize)]
struct ShedForm {
    limit: u64,
    window: Duration,
}

#[derive(Serialize)]
struct LeaseForm {
    #[serde(skip_serializing_if = "Option::is_none")]
    max: Option<u64>,
    life: Duration,
}

impl From<Terms> for LeaseForm {
    fn from(terms: Terms) -> LeaseForm {
        LeaseForm {
            max: terms.max(),
            life: terms.life(),
        }
    }
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

impl<'a> From<&'a Policy> for PolicyForm<'a> {
    fn from(policy: &'a Policy) -> PolicyForm<'a> {
        PolicyForm {
            limits: policy.limits().iter().map(LimitForm::from).collect(),
            consistency: policy.consistency(),
            lease: policy.lease().map(LeaseForm::from),
            fail_mode: policy.fail_mode(),
            shed: policy.shed().map(ShedForm::from),
            write_ahead: policy.write_ahead(),
            refunds: (!policy.refunds()).then_some(false),
            replaces_inline: policy.replaces_inline().then_some(true),
            ipv6_prefix: policy.ipv6_prefix().map(Ipv6Prefix::bits),
            penalty: policy.penalty(),
            weights: policy.weights().map(WeightsForm),
            by: (policy.weights().map(Weights::by))
                .filter(|by| *by != By::default())
                .map(By::word),
            idempotency_for: policy.idempotency_for(),
            outbound: policy.outbound().map(OutboundForm::from),
        }
    }
}

impl<'a> From<&'a Limit> for LimitForm<'a> {
    fn from(limit: &'a Limit) -> LimitForm<'a> {
        let own = limit.own();
        let algorithm = own.algorithm();
        let definition = DefinitionBody::from(&own);
        LimitForm {
            name: limit.name(),
            algorithm: algorithm.kind(),
            limit: definition.capacity.is_none().then(|| algorithm.limit()),
            definition,
        }
    }
}

impl From<LocalLimit> for ShedForm {
    fn from(shed: LocalLimit) -> ShedForm {
        ShedForm {
            limit: shed.limit(),
            window: shed.period(),
        }
    }
}

impl Serialize for Limit {
    /// As an element of `limits`.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        LimitForm::from(self).serialize(serializer)
    }
}

impl Serialize for Policy {
    /// The canonical form ([`crate::api::policy`]), without name and version.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        PolicyForm::from(self).serialize(serializer)
    }
}
