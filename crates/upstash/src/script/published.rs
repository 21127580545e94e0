//! The scripts of the published packages, by what they do.

use super::lua;
use crate::error::RedisError;
use crate::key;

/// A behaviour. Releases that only forgot an expiry share the name of those that set it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // `behaviour` says what each does, `known` whose it is
pub enum Script {
    F1,
    F2,
    F3,
    FR1,
    FR2,
    S0,
    S0b,
    S1,
    S2,
    S3,
    S4,
    SR1,
    SR2,
    T0,
    T0b,
    T0p,
    T1,
    T1p,
    T2,
    T2p,
    T3,
    T4,
    T5,
    T5p,
    TR0,
    TR1,
    TR2,
    MF0,
    MF1,
    MFR,
    MS0,
    MS0b,
    MS1,
    MS2,
    MSR,
    R,
    D,
    A1,
    A2,
    A3a,
    A3b,
    A3c,
    H1,
    H2,
    H3,
    HR,
    HD,
    B1,
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
