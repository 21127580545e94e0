//! Hash tags, against the slots that a Redis Cluster gives to random keys.

use std::net::TcpListener;

use tollgate_upstash::key::hash_tag;
use tollgate_upstash::reply::Reply;

use crate::random::Random;
use crate::redis::Redis;
use crate::{seed, skipped};

const KEYS: usize = 20_000;

/// The slot of what is hashed of a key: CRC-16 with the polynomial 0x1021 from 0, modulo 16,384.
fn slot(hashed: &[u8]) -> i64 {
    let crc = hashed.iter().fold(0u16, |crc, &byte| {
        (0..8).fold(crc ^ u16::from(byte) << 8, |crc, _| {
            crc << 1 ^ if crc & 0x8000 != 0 { 0x1021 } else { 0 }
        })
    });
    i64::from(crc % 16_384)
}

#[test]
fn hash_tags_are_those_of_redis_cluster() {
    // Nobody connects to it, but a cluster's node wants a port.
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr();
    let port = free.unwrap().port().to_string();
    let options = [
        "--cluster-enabled",
        "yes",
        "--cluster-port",
        &port,
        "--bind",
        "127.0.0.1",
    ];
    let Some(mut redis) = Redis::start_with("cluster", &options) else {
        return skipped("comparing hash tags with Redis: there is no redis-server");
    };
    let mut random = Random::new(seed() + 1);
    let part = |random: &mut Random| random.pick(&["{", "}", "{", "}", "a", "b", ":", "1"]);
    let keys: Vec<String> = (0..KEYS)
        .map(|_| (0..random.below(9)).map(|_| part(&mut random)).collect())
        .collect();
    let ask = |key: &String| ["CLUSTER", "KEYSLOT", key].map(|word| word.into()).to_vec();
    let theirs = redis.run(&keys.iter().map(ask).collect::<Vec<_>>());
    let mut tagged = 0;
    for (key, theirs) in keys.iter().zip(theirs) {
        let tag = hash_tag(key.as_bytes());
        let hashed = tag.map_or(key.as_bytes(), |tag| &tag[1..tag.len() - 1]);
        assert_eq!(Reply::Integer(slot(hashed)), theirs, "{key}");
        tagged += usize::from(tag.is_some());
    }
    assert!(tagged > KEYS / 8, "hardly any had a tag: {tagged}");
}
