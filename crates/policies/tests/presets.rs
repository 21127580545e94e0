//! Every preset is a policy that can be installed, and asks a provider for no more than it bears.

#![allow(clippy::unwrap_used)] // a test may panic, also in its helpers

use std::collections::BTreeSet;
use std::path::Path;

use tollgate_core::api::policy::named::parse;
use tollgate_core::explain::{admits_out_of_reach, Admits};
use tollgate_core::Timestamp;
use tollgate_policies::book::{Book, By};
use tollgate_policies::presets::{all, chosen, Preset};

/// Where more than the quota is wanted for a moment.
const BURSTS: [&str; 2] = ["stripe.live", "webhook.destination"];
/// What protects nobody but whoever asks stays open while it cannot be decided.
const OPEN: [&str; 1] = ["inbound.ip"];

fn presets() -> Vec<Preset> {
    all().unwrap()
}

#[test]
fn every_file_is_part_of_the_program() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../presets");
    let files = std::fs::read_dir(folder).unwrap();
    let name = |file: std::fs::DirEntry| file.file_name().into_string().unwrap();
    let files: BTreeSet<String> = files.map(|file| name(file.unwrap())).collect();
    let provider = |preset: &Preset| preset.name.split_once('.').unwrap().0.to_owned();
    let known = presets().iter().map(|it| provider(it) + ".json").collect();
    assert_eq!(files, known);
}

#[test]
fn no_policy_admits_more_than_its_provider_bears_but_where_that_is_wanted() {
    let mut bursts = Vec::new();
    for preset in presets() {
        let quotas = preset.section.quota.iter().zip(preset.worst_cases());
        let exceeds = quotas.filter(|(quota, worst)| {
            let worst = worst.unwrap_or_else(|| panic!("{} has no worst case", preset.name));
            worst > quota.units
        });
        let exceeds = exceeds.count() > 0;
        assert_eq!(exceeds, preset.section.burst.is_some(), "{}", preset.name);
        if exceeds {
            bursts.push(preset.name);
        }
    }
    assert_eq!(bursts, BURSTS);
}

#[test]
fn no_quota_is_left_unused_by_more_than_a_tenth() {
    for preset in presets() {
        for (quota, worst) in preset.section.quota.iter().zip(preset.worst_cases()) {
            assert!(worst.unwrap() * 10 >= quota.units * 9, "{}", preset.name);
        }
    }
}

#[test]
fn nothing_is_admitted_that_was_not_decided() {
    for preset in presets() {
        let policy = parse(preset.section.policy.get()).unwrap().policy;
        let expected = match OPEN.contains(&preset.name.as_str()) {
            true => Admits::All,
            false => Admits::Nothing,
        };
        assert_eq!(
            admits_out_of_reach(&policy),
            Some(expected),
            "{}",
            preset.name
        );
    }
}

#[test]
fn every_preset_says_whose_numbers_it_has_and_what_they_are_for() {
    for Preset { name, section } in presets() {
        let policy = parse(section.policy.get()).unwrap();
        assert_eq!(
            policy.provider.as_deref(),
            name.split_once('.').map(|it| it.0)
        );
        assert!(
            policy.scope.is_some() && policy.description.is_some(),
            "{name}"
        );
        assert!(!section.quota.is_empty(), "{name}");
        let date: Vec<usize> = section.date.split('-').map(str::len).collect();
        assert_eq!(date, [4, 2, 2], "{name}");
        assert!(
            section.source.len() > 9 && section.consequence.len() > 2,
            "{name}"
        );
        let limits = policy.policy.limits();
        assert!(limits.iter().all(|limit| limit.name().is_some()), "{name}");
    }
}

#[test]
fn all_can_be_installed_at_once_and_each_by_its_name() {
    let by = By {
        author: "ann",
        reason: "",
        now: Timestamp::from_millis(7),
    };
    let policies: Vec<_> = presets().iter().map(|it| it.policy().unwrap()).collect();
    let mut book = Book::default();
    assert_eq!(book.install(&policies, by).unwrap().len(), policies.len());
    assert_eq!(book.policies().count(), policies.len());

    let names = |name: &str| {
        let chosen = chosen(presets(), name).into_iter();
        chosen.map(|preset| preset.name).collect::<Vec<_>>()
    };
    assert_eq!(names("salesforce"), ["salesforce.api", "salesforce.bulk"]);
    assert_eq!(names("stripe.test"), ["stripe.test"]);
    for unknown in ["", "git", "github.", "github.rest.more", "rest", ".rest"] {
        assert_eq!(names(unknown), [] as [&str; 0], "{unknown}");
    }
}
