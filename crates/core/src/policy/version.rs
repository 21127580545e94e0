//! Which of the definitions that a named policy has had.

/// The version of a named policy. Of two, the one of the newer generation is the newer; within a
/// generation the one with the higher number is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Version {
    /// When the storage of the policies began or was last restored, in Unix ms: a restored storage
    /// gives the numbers after its backup once more, to other definitions. 0 for a version that was
    /// written before there were generations.
    pub generation: u64,
    /// Rises with each change of the policy, from 1 on; 0 where no version is given.
    pub number: u64,
    /// The newest instant, in Unix ms, at which an override that changes limits was set, lifted or
    /// over; 0 where there never was one. Of one number the higher is the newer: overrides change
    /// what the policy says for a subject.
    pub adjusted: u64,
}

impl Version {
    /// None: of an inline policy, or of a name alone. It is neither older nor newer than another.
    pub const NONE: Version = Version {
        generation: 0,
        number: 0,
        adjusted: 0,
    };

    /// Whether there is one.
    pub const fn is_given(self) -> bool {
        self.number > 0
    }
}
