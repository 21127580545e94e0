//! Every preset is a policy that can be installed, and asks a provider for no more than it bears.

#![allow(clippy::unwrap_used)] // a test may panic, also in its helpers

use std::collections::BTreeSet;
use std::path::Path;

use tollgate_core::algorithm::state::Moment;
use tollgate_core::api::policy::named::parse;
use tollgate_core::calendar::UtcOnly;
use tollgate_core::decide::Check;
use tollgate_core::explain::{admits_out_of_reach, Admits};
use tollgate_core::limit::Name;
use tollgate_core::policy::Version;
use tollgate_core::subject_state::{Effects, Item, SubjectState};
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
fn a_worst_case_is_that_of_the_largest_stage() {
    let text = r#"{"policy": {"name": "day", "algorithm": "quota", "period": "day",
            "stages": [{"for": "1d", "limit": 30}, {"limit": 20}]},
        "quota": [{"units": 30, "period": "day"}], "consequence": "", "source": "", "date": ""}"#;
    let preset = Preset {
        name: "a.b".to_owned(),
        section: serde_json::from_str(text).unwrap(),
    };
    assert_eq!(preset.worst_cases(), [Some(30)]);
}

#[test]
fn a_new_inbox_is_warmed_up_within_each_week_and_each_pace() {
    const MINUTE: u64 = 60_000;
    const DAY: u64 = 24 * 60 * MINUTE;
    let [preset] = &chosen(presets(), "smtp.warmup")[..] else {
        panic!("there is one");
    };
    let policy = parse(preset.section.policy.get()).unwrap().policy;
    let version = Version {
        generation: 1,
        number: 1,
        ..Version::NONE
    };
    let item = Item {
        policy: policy.named(Name::new("policy", &preset.name).unwrap(), version),
        check: Check::ONE,
    };
    let mut state = SubjectState::default();
    // From nine in the morning on it sends whatever is let through.
    let begin = 19_000 * DAY + 9 * 60 * MINUTE;
    let mut sent = Vec::new();
    for minute in 0..(35 * 24 - 9) * 60 {
        let moment = Moment {
            now: Timestamp::from_millis(begin + minute * MINUTE),
            zones: &UtcOnly,
        };
        let items = core::slice::from_ref(&item);
        let decided = state.limit(items, None, &mut || 1, moment, &mut Effects::default());
        if decided.unwrap()[0].success {
            sent.push(moment.now.as_millis());
        }
    }
    let mut days = [0; 35];
    for at in &sent {
        days[(at / DAY - 19_000) as usize] += 1; // below 35
    }
    // A week ends at nine, and for whole days with the midnight after it.
    let weeks = [vec![5; 8], vec![10; 7], vec![15; 7], vec![20; 13]];
    assert_eq!(days[..], weeks.concat());
    for (week, pace) in [96, 48, 32, 24].into_iter().enumerate() {
        let begins = begin + week as u64 * 7 * DAY;
        let is_of_week = |at: &u64| *at >= begins && (week == 3 || *at < begins + 7 * DAY);
        let of_week: Vec<u64> = sent.iter().copied().filter(is_of_week).collect();
        let gaps = of_week.windows(2).map(|pair| pair[1] - pair[0]);
        assert_eq!(gaps.min(), Some(pace * MINUTE), "week {}", week + 1);
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
