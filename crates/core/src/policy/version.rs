//! Which of the definitions that a named policy has had.

use core::cmp::Ordering;

/// The version of a named policy. Of two, the one of the newer generation is the newer; within a
/// generation the one with the higher number is, and of one number the one that was adjusted later.
/// Two editions of all these are neither newer nor older than each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Version {
    /// When the storage of the policies began or was last restored, in Unix ms: a restored storage
    /// gives the numbers after its backup once more, to other definitions. 0 for a version that was
    /// written before there were generations.
    pub generation: u64,
    /// Rises with each change of the policy, from 1 on; 0 where no version is given, and of an
    /// edition of what was never stored.
    pub number: u64,
    /// The newest instant, in Unix ms, at which an override that changes limits was set, lifted or
    /// over; 0 where there never was one. Of one number the higher is the newer: overrides change
    /// what the policy says for a subject.
    pub adjusted: u64,
    /// Of a policy that a deployment brings, a number that is its definition's alone; else 0. It
    /// holds where no stored one does, so `number` is that of the deletion behind the last stored
    /// one. Deployments have no order: one may be rolled back, and two may run side by side.
    pub edition: u64,
}

impl Version {
    /// None: of an inline policy, or of a name alone. It is neither older nor newer than another.
    pub const NONE: Version = Version {
        generation: 0,
        number: 0,
        adjusted: 0,
        edition: 0,
    };

    /// Whether there is one.
    pub const fn is_given(self) -> bool {
        self.number > 0 || self.edition > 0
    }
}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Version) -> Option<Ordering> {
        let of = |it: &Version| (it.generation, it.number, it.adjusted);
        let order = of(self).cmp(&of(other));
        (order != Ordering::Equal || self.edition == other.edition).then_some(order)
    }
}
