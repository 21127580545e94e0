//! IPv6 addresses are counted by their network, however they are spelt.

#![allow(clippy::unwrap_used)] // a test may panic, also in its helpers

use std::net::{Ipv4Addr, Ipv6Addr};

use proptest::prelude::*;
use tollgate_core::api::policy::named;
use tollgate_core::api::{multi, request, to_json};
use tollgate_core::dots::is_dots;
use tollgate_core::subject::{Ipv6Prefix, SubjectParts};

fn network(bits: u8, text: &str) -> String {
    let subject = SubjectParts::new(text).unwrap();
    let prefix = Ipv6Prefix::new(bits);
    assert!(prefix.is_some());
    subject.in_network(prefix).identifier().to_owned()
}

/// One address in the spellings that callers come with.
fn spellings(address: Ipv6Addr, port: u16) -> Vec<String> {
    let groups = address.segments();
    let joined = |group: &dyn Fn(&u16) -> String| {
        let groups: Vec<String> = groups.iter().map(group).collect();
        groups.join(":")
    };
    let [.., high, low] = groups;
    let [a, b] = high.to_be_bytes();
    let [c, d] = low.to_be_bytes();
    let front: Vec<String> = groups[..6]
        .iter()
        .map(|group| format!("{group:x}"))
        .collect();
    let plain = [
        address.to_string(),
        joined(&|group| format!("{group:04x}")),
        joined(&|group| format!("{group:X}")),
        format!("{}:{a}.{b}.{c}.{d}", front.join(":")),
    ];
    let all = plain.iter().flat_map(|text| {
        [
            text.clone(),
            format!("[{text}]"),
            format!("[{text}]:{port}"),
            format!("{text}%eth0"),
            format!("[{text}%25eth0]"),
        ]
    });
    all.collect()
}

proptest! {
    #[test]
    fn every_spelling_of_an_address_is_one_subject_and_its_neighbours_are_the_same(
        bits in any::<u128>(), others in any::<u128>(), prefix in 32u8..=128, port in any::<u16>(),
    ) {
        let mask = u128::MAX << (128 - prefix);
        let address = Ipv6Addr::from(bits);
        prop_assume!(address.to_ipv4_mapped().is_none());
        let expected = format!("{}/{prefix}", Ipv6Addr::from(bits & mask));
        let neighbour = Ipv6Addr::from((bits & mask) | (others & !mask));
        for text in spellings(address, port).into_iter().chain(spellings(neighbour, port)) {
            prop_assert_eq!(network(prefix, &text), expected.clone(), "{}", text);
        }
        // The network itself, also where the host's bits stand in it, and narrower ones.
        for text in [expected.clone(), format!("{address}/{prefix}"), format!("{address}/128")] {
            prop_assert_eq!(network(prefix, &text), expected.clone());
        }
        // The first bit of the prefix, as any other of them, makes another one.
        let other = Ipv6Addr::from(bits ^ (1 << (128 - prefix)));
        prop_assume!(other.to_ipv4_mapped().is_none());
        prop_assert_ne!(network(prefix, &other.to_string()), expected);
    }

    #[test]
    fn an_address_that_stands_for_an_ipv4_address_is_that(
        bits in any::<u32>(), prefix in 32u8..=128, port in any::<u16>(),
    ) {
        let address = Ipv4Addr::from(bits);
        for text in spellings(address.to_ipv6_mapped(), port) {
            prop_assert_eq!(network(prefix, &text), address.to_string());
        }
        prop_assert_eq!(network(prefix, &address.to_string()), address.to_string());
    }

    #[test]
    fn what_is_counted_stays_what_it_is(text in "[0-9a-f:./%\\[\\]]{1,24}", prefix in 32u8..=128) {
        prop_assume!(!is_dots(&text));
        let once = network(prefix, &text);
        prop_assert_eq!(network(prefix, &once), once);
    }

    #[test]
    fn what_is_no_address_stays_as_it_is(text in "\\PC{1,40}") {
        prop_assume!(!text.contains(':') && !is_dots(&text));
        prop_assert_eq!(network(64, &text), text);
    }
}

#[test]
fn everything_but_addresses_and_their_networks_stays_as_it_is() {
    for text in [
        "u1",
        "192.0.2.1",
        "[192.0.2.1]",
        "192.0.2.1:80",
        "2001:db8::1::2",
        "2001:db8:1",
        "a:b",
        "[2001:db8::1",
        "2001:db8::1]",
        "[2001:db8::1]:x",
        " 2001:db8::1",
        "2001:db8::/32",
        "2001:db8::/129",
        "2001:db8::/x",
        "[2001:db8::]/64",
        "acme:mail",
        "%eth0",
        "::1/64/64",
    ] {
        assert_eq!(network(64, text), text);
    }
    assert_eq!(network(64, "::"), "::/64");
    assert_eq!(network(48, "2001:db8:1:2::/64"), "2001:db8:1::/48");
    assert_eq!([31, 129, 0].map(Ipv6Prefix::new), [None; 3]);
}

#[test]
fn a_named_policy_an_inline_one_and_a_parent_count_alike() {
    let named = named::parse(
        r#"{"limit":1,"window":"1m","ipv6Prefix":64,"parent":{"policy":"p","identifier":"of {identifier}"}}"#,
    );
    let named = named.unwrap();
    let subject = named
        .limited(SubjectParts::new("2001:db8::7").unwrap())
        .unwrap();
    assert_eq!(subject.identifier(), "2001:db8::/64");
    let above = named.parent.unwrap().subject(&subject).unwrap();
    assert_eq!(above.identifier(), "of 2001:db8::/64");

    let inline = r#"{"identifier":"2001:db8::7","limit":1,"window":"1m","ipv6Prefix":64}"#;
    let asked = request::parse(inline).unwrap();
    assert_eq!(asked.subject, subject);
    assert_eq!(request::parse(&to_json(&asked)), Ok(asked));
}

#[test]
fn two_addresses_of_a_network_are_one_entry() {
    let body = |second: &str| {
        format!(
            r#"{{"limit":1,"window":"1m","ipv6Prefix":64,
            "limits":[{{"identifier":"2001:db8::1"}},{{"identifier":"{second}"}}]}}"#
        )
    };
    assert_eq!(
        multi::parse(&body("2001:db8::2")).unwrap_err().field,
        "limits[1]"
    );
    assert!(multi::parse(&body("2001:db8:0:1::2")).is_ok());
}
