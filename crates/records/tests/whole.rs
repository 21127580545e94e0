//! The whole way, from isolates to a preview, of a population in which few ask for most: what it
//! costs, and how good it is.

#![allow(clippy::unwrap_used)]

mod common;

use common::{answer, name, Kept, Objects};
use tollgate_records::busiest::BUSIEST;
use tollgate_records::keeper::Keeper;
use tollgate_records::message::{Answer, Call};
use tollgate_records::recorder::{Recorder, Sending};

const SUBJECTS: usize = 5_000;
const ISOLATES: usize = 4;

/// A small generator of random numbers: the test is the same each time.
fn random(seed: &mut u64) -> f64 {
    *seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *seed;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
}

/// The number that stands behind `key` in JSON.
fn number(json: &str, key: &str) -> u64 {
    let (_, behind) = json.split_once(&format!("\"{key}\":")).unwrap();
    let digits = behind.find(|c: char| !c.is_ascii_digit()).unwrap();
    behind[..digits].parse().unwrap()
}

/// Has every isolate send what is due; how many parcels that were.
fn send(isolates: &mut [Recorder], keeper: &mut Keeper, kept: &mut Kept, now: u64) -> usize {
    let mut parcels = 0;
    for recorder in isolates {
        for Sending { space, parcel } in recorder.send(common::at(now)) {
            parcels += 1;
            let sequence = parcel.sequence;
            let Answer::Kept(list) = answer(keeper, kept, &Call::Keep(parcel), now) else {
                panic!("it is kept");
            };
            recorder.kept(&space, sequence, list);
        }
    }
    parcels
}

#[test]
fn a_tenth_of_the_subjects_and_the_busiest_tell_of_all_at_a_small_price() {
    const REQUESTS: u64 = 100_000;
    let weights: Vec<f64> = (1..=SUBJECTS).map(|i| (i as f64).powf(-1.1)).collect();
    let sum: f64 = weights.iter().sum();
    let above: Vec<f64> = weights
        .iter()
        .scan(0.0, |so_far, weight| {
            *so_far += weight / sum;
            Some(*so_far)
        })
        .collect();
    let mut isolates: Vec<Recorder> = (1..=ISOLATES as u64).map(Recorder::new).collect();
    let mut objects = Objects::default();
    let (mut keeper, mut kept) = (Keeper::new([7; 32], false), Kept::default());
    let (mut seed, mut parcels) = (5, 0);
    for i in 0..REQUESTS {
        let now = i * 10; // a hundred a second
        let drawn = random(&mut seed);
        let subject = above.partition_point(|it| *it < drawn).min(SUBJECTS - 1);
        let isolate = (random(&mut seed) * ISOLATES as f64) as usize;
        let object = format!("rate-limit:default:user{subject}");
        objects.ask(&mut isolates[isolate], &object, 100_000, now);
        parcels += send(&mut isolates, &mut keeper, &mut kept, now);
    }
    parcels += send(
        &mut isolates,
        &mut keeper,
        &mut kept,
        REQUESTS * 10 + 10_000,
    );
    let bytes: usize = kept.rows.iter().map(|row| row.text.len()).sum();
    let call = Call::Preview {
        name: name("api"),
        candidate: r#"{"limits":[{"algorithm":"fixedWindow","limit":1,"window":60000}]}"#
            .to_owned(),
    };
    let Answer::Preview(json) = answer(&mut keeper, &mut kept, &call, REQUESTS * 10 + 20_000)
    else {
        panic!("there is one");
    };
    let recorded = number(&json, "recorded");
    println!(
        "{recorded} of {REQUESTS} recorded by {ISOLATES} isolates in {} s: {parcels} parcels, \
         {} rows written, {bytes} bytes kept",
        REQUESTS / 100,
        kept.writes,
    );
    println!("{json}");
    // Who leaves the list leaves it in one isolate after the other.
    assert!(number(&json, "skipped") < recorded / 1_000);
    // An isolate sends at most one parcel in ten seconds, of which each is two rows.
    assert!(parcels as u64 <= ISOLATES as u64 * (REQUESTS / 1_000 + 2));
    assert!(kept.writes <= 2 * parcels);
    assert!(bytes as u64 <= 80 * recorded, "{bytes}");
    // Those that are always recorded, and a tenth of the others.
    assert!(number(&json, "subjects") > BUSIEST as u64 + 250);
    assert!(recorded > REQUESTS * 5 / 10, "{recorded}");
    let (_, estimate) = json.split_once("\"requests\":{").unwrap();
    let (low, high) = (number(estimate, "low"), number(estimate, "high"));
    assert!(low <= REQUESTS && REQUESTS <= high, "{low} {high}");
    assert!(high - low < REQUESTS / 4, "{low} {high}");
}
