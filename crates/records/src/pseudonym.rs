//! Who a recorded subject is, told to nobody: an HMAC of its name by a key that the object draws
//! and never tells.

use core::fmt::Write;

use sha2::{Digest, Sha256};

/// The key of one namespace's records.
pub type Secret = [u8; 32];

/// How many bytes of the HMAC are kept: enough that no two subjects are one.
const KEPT: usize = 16;
const BLOCK: usize = 64;

/// The pseudonym of a subject: 32 hexadecimal digits of HMAC-SHA-256.
pub fn pseudonym(secret: &Secret, name: &str) -> String {
    let mut text = String::with_capacity(2 * KEPT);
    for byte in &hmac(secret, name.as_bytes())[..KEPT] {
        let _ = write!(text, "{byte:02x}"); // writing to a String cannot fail
    }
    text
}

fn hmac(secret: &Secret, message: &[u8]) -> [u8; 32] {
    let pad = |with: u8| {
        let mut block = [with; BLOCK];
        for (byte, key) in block.iter_mut().zip(secret) {
            *byte ^= key;
        }
        block
    };
    let inner = Sha256::new().chain_update(pad(0x36)).chain_update(message);
    let outer = Sha256::new()
        .chain_update(pad(0x5c))
        .chain_update(inner.finalize());
    outer.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The second case of RFC 4231, whose key is shorter than a block.
    #[test]
    fn the_hmac_is_that_of_the_standard() {
        let mut secret = [0; 32];
        secret[..4].copy_from_slice(b"Jefe");
        let text = pseudonym(&secret, "what do ya want for nothing?");
        assert_eq!(text, "5bdcc146bf60754e6a042426089575c7");
    }

    #[test]
    fn another_key_gives_another_pseudonym() {
        assert_ne!(pseudonym(&[1; 32], "ada"), pseudonym(&[2; 32], "ada"));
    }
}
