//! Ways in which what carries the machines may be wrong: each has to be noticed, or the simulation
//! would prove nothing.

/// What the carrier does wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Fault {
    /// Nothing.
    #[default]
    None,
    /// Storage forgets one commit in twenty.
    ForgetsWrites,
    /// Answers leave before what they rest on is durable.
    AnswersEarly,
    /// An object that wakes reads a clock that is a window ahead.
    WrongClock,
    /// The numbers of operations are not sent, so that a doubled question is charged twice.
    ForgetsOperations,
    /// No alarm is ever set.
    ForgetsAlarms,
    /// The timer that writes rows exact before an object sleeps never comes.
    ForgetsClosing,
    /// An object that wakes finds no rows.
    ForgetsRows,
    /// An isolate takes a refusal that it remembers for an admission.
    AdmitsRemembered,
    /// A lease that is given back does not tell what was spent of it.
    ForgetsSpent,
    /// Isolates that count never read what the others have counted.
    NeverReads,
}

impl Fault {
    /// Each of them.
    pub const ALL: [Fault; 10] = [
        Fault::ForgetsWrites,
        Fault::AnswersEarly,
        Fault::WrongClock,
        Fault::ForgetsOperations,
        Fault::ForgetsAlarms,
        Fault::ForgetsClosing,
        Fault::ForgetsRows,
        Fault::AdmitsRemembered,
        Fault::ForgetsSpent,
        Fault::NeverReads,
    ];
}
