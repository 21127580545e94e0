//! What goes wrong.

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Trouble {
    Crash,
    KillAll,
    IsolateEnds,
    ClockSteps,
    /// Another build begins in half of all places.
    Deploy,
    /// And in the others.
    DeployRest,
}

impl Trouble {
    pub(crate) const ALL: [Trouble; 5] = [
        Trouble::Crash,
        Trouble::KillAll,
        Trouble::IsolateEnds,
        Trouble::ClockSteps,
        Trouble::Deploy,
    ];
}
