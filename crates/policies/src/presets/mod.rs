//! Presets: what providers are known to bear, as policies that never ask for more. Each is data, in
//! `presets/<provider>.json` of the repository, and is installed as an ordinary policy.

mod files;

use serde::Deserialize;
use serde_json::value::RawValue;
use std::collections::BTreeMap;

use tollgate_core::api::policy::named::parse;
use tollgate_core::api::to_json;
use tollgate_core::explain::most_in;
use tollgate_core::limit::Name;
use tollgate_core::policy::Policy;
use tollgate_core::{Algorithm, Duration};

use crate::body::{list, Object};

/// One preset.
#[derive(Debug)]
pub struct Preset {
    /// `<provider>.<section>`: the name of the policy that is made of it.
    pub name: String,
    /// What the provider is, and what is known of it.
    pub section: Section,
}

/// A section of a provider's file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Section {
    /// The policy, as it is written.
    pub policy: Box<RawValue>,
    /// The most that the provider bears: each has to hold.
    pub quota: Vec<Quota>,
    /// What happens when it is asked for more.
    pub consequence: String,
    /// Where the numbers come from.
    pub source: String,
    /// The day on which they were taken from there, such as `2026-11-26`.
    pub date: String,
    /// Why the policy may admit more than the quota for a moment, where that is wanted.
    #[serde(default)]
    pub burst: Option<String>,
}

/// What a provider bears: units in any window, in a period of the calendar in UTC, or, without
/// either, at one instant.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quota {
    /// The units.
    pub units: u64,
    /// In any window of this length, such as `15m`.
    #[serde(default)]
    pub window: Option<String>,
    /// In this period, as a `quota` limit has it.
    #[serde(default)]
    pub period: Option<String>,
}

/// All presets, by their names. An error is one of this repository's files, each of which a test
/// reads.
pub fn all() -> Result<Vec<Preset>, serde_json::Error> {
    let mut presets = Vec::new();
    for (provider, text) in files::FILES {
        let sections: BTreeMap<String, Section> = serde_json::from_str(text)?;
        let preset = |(name, section)| Preset {
            name: format!("{provider}.{name}"),
            section,
        };
        presets.extend(sections.into_iter().map(preset));
    }
    Ok(presets)
}

/// Of all presets the one of this name, or those of this provider.
pub fn chosen(presets: Vec<Preset>, name: &str) -> Vec<Preset> {
    let is_chosen = |preset: &Preset| {
        let provider = preset.name.split_once('.').map(|(provider, _)| provider);
        preset.name == name || provider == Some(name)
    };
    presets.into_iter().filter(is_chosen).collect()
}

impl Preset {
    /// The name and the text of the policy that is made of it; `None` where the name is none.
    pub fn policy(&self) -> Option<(Name, String)> {
        let name = Name::new("name", &self.name).ok()?;
        Some((name, self.section.policy.get().to_owned()))
    }

    /// The most units that the policy admits of each quota; `None` where no limit says.
    pub fn worst_cases(&self) -> Vec<Option<u64>> {
        let policy = parse(self.section.policy.get()).ok();
        let quotas = self.section.quota.iter();
        let worst = |quota: &Quota| quota.worst_case(&policy.as_ref()?.policy);
        quotas.map(worst).collect()
    }
}

impl Quota {
    /// The most that the policy admits of it. All limits have to have room, so that is what the
    /// tightest says.
    fn worst_case(&self, policy: &Policy) -> Option<u64> {
        let window = self.window.as_deref().map(str::parse::<Duration>);
        let window = window.transpose().ok()?;
        let worst = policy.limits().iter().filter_map(|limit| {
            let limit = &limit.largest(); // in whichever of its stages
            match (limit.algorithm(), &self.period, window) {
                (_, None, Some(window)) => most_in(limit, window),
                (Algorithm::Quota(quota), Some(period), None) => {
                    let is_same = quota.period().word() == period;
                    is_same.then(|| quota.limit())
                }
                (Algorithm::Concurrency(slots), None, None) => Some(slots.limit()),
                _ => None,
            }
        });
        worst.min()
    }
}

/// `GET /presets`: all of them, with what their policies admit at worst.
pub fn body_of(presets: &[Preset]) -> String {
    let presets = presets.iter().map(|preset| {
        let section = &preset.section;
        let quotas = section.quota.iter().zip(preset.worst_cases());
        let quota = |(quota, worst): (&Quota, Option<u64>)| {
            let worst = worst.map(|worst| worst.to_string());
            Object::new()
                .number("units", quota.units)
                .words("window", quota.window.as_deref().unwrap_or_default())
                .words("period", quota.period.as_deref().unwrap_or_default())
                .raw_some("worstCase", worst.as_deref())
                .finish()
        };
        Object::new()
            .raw("name", &to_json(&preset.name))
            .raw("policy", section.policy.get())
            .raw("quota", &list(quotas.map(quota)))
            .text("consequence", &section.consequence)
            .words("burst", section.burst.as_deref().unwrap_or_default())
            .text("source", &section.source)
            .text("date", &section.date)
            .finish()
    });
    Object::new().raw("presets", &list(presets)).finish()
}
