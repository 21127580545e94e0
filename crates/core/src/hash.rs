//! A hash that is the same everywhere, in every build, for what isolates have to agree on without
//! asking each other. It is no secret, and no match for somebody who looks for two equal ones.

/// FNV-1a, mixed once more so that the upper bits depend on every letter.
pub fn hash(text: &str) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in text.bytes() {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    hash = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash = (hash ^ (hash >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    hash ^ (hash >> 33)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every build has to agree: the numbers are for ever.
    #[test]
    fn the_hash_is_the_same_in_every_build() {
        assert_eq!(hash(""), 0xefd0_1f60_ba99_2926);
        assert_eq!(hash("rate-limit:default:u1"), 0xdf54_5bff_56f2_6887);
    }
}
