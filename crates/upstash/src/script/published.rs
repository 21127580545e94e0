//! The scripts of the published packages, by what they do.

use super::lua;
use crate::error::RedisError;
use crate::key;

/// A behaviour, with the releases that send it. Releases that only forgot an expiry share the name
/// of those that set it. A version without a package is one of `@upstash/ratelimit`, *Python* one
/// of `upstash-ratelimit`. `behaviour` says what each does in full, `known` has the hashes.
///
/// The first letters name the family: F a fixed window, S a sliding one, T a token bucket, M
/// several regions, R a reset, D deny lists, A analytics, H hits, B hits with backing off; an R
/// behind them only reads, a p is Python's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Script {
    /// Fixed window, counts one: `@upstash/ratelimit` 0.1.3 to 1.0.1, with its ephemeral cache from
    /// 0.2.0; Python 0.2.0 to 1.0.0.
    F1,
    /// Fixed window, counts a rate: 1.0.3 to 2.0.7, with its ephemeral cache to 2.2.0; Python 1.1.0
    /// to 1.2.0.
    F2,
    /// Fixed window with a dynamic limit: 2.0.8 to 2.2.0.
    F3,
    /// What is used of a fixed window: 1.1.1 to 2.0.7, with the ephemeral cache to 2.2.0.
    FR1,
    /// What remains of a fixed window, with a dynamic limit: 2.0.8 to 2.2.0.
    FR2,
    /// Sliding window, counts one, answers a rejection with 0: 0.1.3 to 0.4.0.
    S0,
    /// Sliding window, counts one, an absent current window as -1: 0.4.1 to 0.4.3; Python 0.2.0 to
    /// 0.4.2.
    S0b,
    /// Sliding window, counts one: 0.4.4 to 1.0.1; Python 0.5.0 to 1.0.0.
    S1,
    /// Sliding window, counts a rate, never a refund: 1.0.3 to 2.0.6; Python 1.1.0 to 1.2.0.
    S2,
    /// Sliding window, counts a rate or a refund: 2.0.7.
    S3,
    /// Sliding window with a dynamic limit: 2.0.8 to 2.2.0.
    S4,
    /// What is used of a sliding window: 1.1.1 to 2.0.7.
    SR1,
    /// What remains of a sliding window, with a dynamic limit: 2.0.8 to 2.2.0.
    SR2,
    /// Token bucket, one refill at most; every accepted request moves its time: 0.1.3 to 0.4.3.
    T0,
    /// Token bucket, one refill at most; only a refill moves its time: 0.4.4.
    T0b,
    /// Token bucket, refills in whole intervals and never expires: Python 0.2.0 to 0.4.2.
    T0p,
    /// Token bucket, takes one: 1.0.0 to 1.0.1.
    T1,
    /// Token bucket, takes one: Python 0.5.0 to 1.0.0.
    T1p,
    /// Token bucket, takes a rate: 1.0.3 to 2.0.6.
    T2,
    /// Token bucket, takes a rate: Python 1.1.0.
    T2p,
    /// Token bucket that takes refunds: 2.0.7.
    T3,
    /// Token bucket that takes refunds, with a dynamic limit: 2.0.8 to 2.1.0.
    T4,
    /// The same, and rejects a request for more tokens than there are: 2.2.0.
    T5,
    /// Token bucket that rejects a request for more tokens than there are: Python 1.2.0.
    T5p,
    /// The tokens of a bucket: 1.1.1 to 1.2.1.
    TR0,
    /// The tokens of a bucket and the time of its last refill: 2.0.0 to 2.0.7.
    TR1,
    /// The same, with a dynamic limit: 2.0.8 to 2.2.0.
    TR2,
    /// Multi-region fixed window, kept as a set: 0.1.3 to 1.0.1.
    MF0,
    /// Multi-region fixed window, kept as a hash: 1.0.3 to 2.2.0.
    MF1,
    /// What is used of a multi-region fixed window: 1.1.1 to 2.2.0.
    MFR,
    /// Multi-region sliding window, kept as a set: 0.1.3 to 0.4.4.
    MS0,
    /// The same, and answers its verdict: 1.0.0 to 1.0.1.
    MS0b,
    /// Multi-region sliding window, kept as a hash: 1.0.3 to 2.0.6.
    MS1,
    /// The same, and counts the request itself: 2.0.7 to 2.2.0.
    MS2,
    /// What is used of a multi-region sliding window: 1.1.1 to 2.2.0.
    MSR,
    /// Resets the windows or the bucket of an identifier: 1.1.1 to 2.2.0.
    R,
    /// Looks for the members of a request in deny lists: 1.2.1 to 2.2.0.
    D,
    /// Analytics: one bucket's events added up by a field: `@upstash/core-analytics` 0.0.8 to
    /// 0.0.10.
    A1,
    /// Analytics: every event of some hours: 0.0.8 to 0.0.10.
    A2,
    /// Analytics: the most frequent events, admitted and rejected: 0.0.8.
    A3a,
    /// Analytics: the same, and denied ones: 0.0.9.
    A3b,
    /// Analytics: the same, looking at so many events at most: 0.0.10.
    A3c,
    /// Counts a hit: `rate-limit-redis` 4.0.0 to 4.2.2, `hono-rate-limiter` 0.5.0 to 0.5.4.
    H1,
    /// Counts a hit, and replaces a key without an expiry: `rate-limit-redis` 4.2.3 to 5.0.0.
    H2,
    /// The same, and never begins the window anew: `rate-limit-redis` 6.0.0 to 6.0.1.
    H3,
    /// Reads the hits: `rate-limit-redis` 4.1.1 to 6.0.1, `hono-rate-limiter` 0.5.0 to 0.5.4.
    HR,
    /// Takes a hit back: `hono-rate-limiter` 0.5.4.
    HD,
    /// Counts a hit and may back off: `@fastify/rate-limit` 10.3.0 to 11.2.0.
    B1,
    /// Reads the hits with backing off: `@fastify/rate-limit` 11.1.0 to 11.2.0.
    BR,
}

impl Script {
    /// Whether it changes nothing.
    pub fn reads_only(self) -> bool {
        use Script::*;
        matches!(
            self,
            FR1 | FR2
                | SR1
                | SR2
                | TR0
                | TR1
                | TR2
                | MFR
                | MSR
                | A1
                | A2
                | A3a
                | A3b
                | A3c
                | HR
                | BR
        )
    }

    /// Where among its keys the dynamic limit's stands, for the releases that have one.
    pub fn dynamic_key(self) -> Option<usize> {
        use Script::*;
        match self {
            F3 | FR2 | T4 | T5 | TR2 => Some(1),
            S4 | SR2 => Some(2),
            _ => None,
        }
    }

    /// The name of the object that holds its keys.
    pub fn shard(self, keys: &[Vec<u8>]) -> Result<Vec<u8>, RedisError> {
        use Script::*;
        let first = lua::text(keys, 0)?;
        match self {
            T0 | T0b | T0p | T1 | T1p | T2 | T2p | T3 | T4 | T5 | T5p | TR0 | TR1 | TR2 | A2
            | A3a | A3b | A3c => Ok(first.to_vec()),
            R => Ok(first.strip_suffix(b":*").unwrap_or(first).to_vec()),
            _ => {
                let shard = key::shard(first);
                let others = keys
                    .iter()
                    .enumerate()
                    .skip(1)
                    .filter(|(at, _)| Some(*at) != self.dynamic_key());
                for (_, key) in others {
                    if key::shard(key) != shard {
                        return Err(RedisError::CrossShard);
                    }
                }
                Ok(shard)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_find_their_object_by_their_keys() {
        let shard = |script: Script, keys: &[&str]| {
            let keys: Vec<Vec<u8>> = keys.iter().map(|key| key.as_bytes().to_vec()).collect();
            script
                .shard(&keys)
                .map(|shard| String::from_utf8(shard).unwrap())
        };
        for (script, keys, home) in [
            (Script::F3, &["p:7:29878713", "p:dynamic:global"][..], "p:7"),
            (Script::S4, &["p:7:29878713", "p:7:29878712", ""], "p:7"),
            (Script::T5, &["p:7", "p:dynamic:global"], "p:7"),
            (Script::R, &["p:7:*"], "p:7"),
            (Script::R, &["p:7"], "p:7"),
            (
                Script::D,
                &["p:denyList:all", "p:ipDenyListStatus"],
                "p:denyList",
            ),
            (Script::A1, &["p:events:1795222800000"], "p:events"),
            (Script::A2, &["p:events"], "p:events"),
        ] {
            assert_eq!(shard(script, keys).as_deref(), Ok(home), "{script:?}");
        }
        assert_eq!(
            shard(Script::S1, &["a:1", "b:1"]),
            Err(RedisError::CrossShard)
        );
        assert!(shard(Script::F1, &[]).is_err());
    }
}
