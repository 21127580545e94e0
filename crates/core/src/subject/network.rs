//! IPv6 addresses that are counted by their network: whoever has one address of a /64 has all of
//! them, and would else begin anew with each.

use std::net::{Ipv6Addr, SocketAddr};

/// How many leading bits of an IPv6 address say whose it is: 32 to 128.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Ipv6Prefix(u8);

impl Ipv6Prefix {
    /// The fewest bits: what a provider is given.
    pub const MIN: u8 = 32;
    /// The most bits: each address for itself.
    pub const MAX: u8 = 128;

    /// A prefix of so many bits; `None` where they are out of bounds.
    pub const fn new(bits: u8) -> Option<Ipv6Prefix> {
        match bits {
            Ipv6Prefix::MIN..=Ipv6Prefix::MAX => Some(Ipv6Prefix(bits)),
            _ => None,
        }
    }

    /// How many bits.
    pub const fn bits(self) -> u8 {
        self.0
    }

    /// In whose name an identifier is counted, if not in its own. An IPv6 address, in any spelling,
    /// also in brackets and with a port or a zone, counts as its network, written as RFC 5952 has
    /// it; one that stands for an IPv4 address counts as that. A network that is at least as narrow
    /// counts as the one that it lies in. Everything else counts as itself.
    ///
    /// ```
    /// use tollgate_core::subject::Ipv6Prefix;
    ///
    /// let prefix = Ipv6Prefix::new(64).unwrap();
    /// assert_eq!(prefix.network_of("2001:DB8::0:7").as_deref(), Some("2001:db8::/64"));
    /// assert_eq!(prefix.network_of("::ffff:192.0.2.1").as_deref(), Some("192.0.2.1"));
    /// assert_eq!(prefix.network_of("192.0.2.1"), None);
    /// ```
    pub fn network_of(self, identifier: &str) -> Option<String> {
        if let Some((address, bits)) = identifier.split_once('/') {
            let bits: u8 = bits.parse().ok().filter(|bits| *bits <= Ipv6Prefix::MAX)?;
            let address: Ipv6Addr = address.parse().ok()?;
            return (bits >= self.0).then(|| self.written(address));
        }
        let address = address(identifier)?;
        Some(match address.to_ipv4_mapped() {
            Some(mapped) => mapped.to_string(),
            None => self.written(address),
        })
    }

    fn written(self, address: Ipv6Addr) -> String {
        let kept = u128::MAX << (Ipv6Prefix::MAX - self.0);
        let network = Ipv6Addr::from(u128::from(address) & kept);
        format!("{network}/{}", self.0)
    }
}

/// The address that a text spells, without the zone, which means something on its own machine
/// alone, and without the port, of which a machine has many.
fn address(text: &str) -> Option<Ipv6Addr> {
    if let Ok(SocketAddr::V6(socket)) = text.parse() {
        return Some(*socket.ip());
    }
    let bare = text
        .strip_prefix('[')
        .map_or(Some(text), |rest| rest.strip_suffix(']'))?;
    let without_zone = bare.split_once('%').map_or(bare, |(address, _)| address);
    without_zone.parse().ok()
}
