//! What is simulated, as data.

use crate::fault::Fault;
use crate::rule::Rule;

/// Who decides a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// The subject's object; what it refused a moment ago, the isolate.
    Strong,
    /// The isolate, by units that the object has lent it; else the object.
    Leased,
    /// The isolate, by counts that isolates merge through KV.
    Eventual,
}

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Subjects {
    /// One, always the same.
    One,
    /// So many, of which the n-th asks as often as n to the power of minus `skew`; each as often as
    /// the others at a skew of 0.
    Zipf {
        /// How many.
        count: u32,
        /// The power.
        skew: f64,
    },
    /// Each asks so often in a row and never again.
    Fresh {
        /// How often.
        asks: u32,
    },
}

/// Checks a second for so many seconds; phases come one after the other, again and again.
#[derive(Debug, Clone, Copy)]
pub struct Phase {
    /// How long it is.
    pub seconds: f64,
    /// How many checks a second come on average, at random instants.
    pub rate: f64,
}

/// How messages travel.
#[derive(Debug, Clone, Copy)]
pub struct Network {
    /// The least that a message takes, in µs.
    pub least: u64,
    /// By how much it takes longer on average, in µs; of a thousand messages one takes twenty times
    /// as long.
    pub more: u64,
    /// Of a million messages so many are lost.
    pub lost: u32,
    /// Of a million questions and answers so many come twice.
    pub doubled: u32,
    /// The most that a commit takes to be durable, in µs.
    pub durable: u64,
    /// The most after which a write to KV is seen, in ms.
    pub kv: u64,
}

/// What goes wrong, how often: on average once in so many ms, never at 0.
#[derive(Debug, Clone, Copy, Default)]
pub struct Troubles {
    /// A random object loses its memory and what is not durable.
    pub crash: u64,
    /// All objects and isolates end at once.
    pub kill_all: u64,
    /// A random isolate ends, and another begins.
    pub isolate_ends: u64,
    /// A clock steps.
    pub clock_steps: u64,
    /// The most by which a clock is off, in ms.
    pub clocks_off: u64,
    /// Another build is deployed, with a version between them left out.
    pub deploy: u64,
}

/// What is simulated.
#[derive(Debug, Clone, Copy)]
pub struct Scenario {
    /// Its name on the command line.
    pub name: &'static str,
    /// Who decides.
    pub mode: Mode,
    /// The limit of each subject.
    pub rule: Rule,
    /// Who asks.
    pub subjects: Subjects,
    /// How often.
    pub phases: &'static [Phase],
    /// How long checks come, in s of simulated time; after it all timers run out.
    pub seconds: u64,
    /// How many isolates there are.
    pub isolates: u32,
    /// How messages travel.
    pub network: Network,
    /// What goes wrong.
    pub troubles: Troubles,
    /// Whether each check has an operation's number, under which it is charged once.
    pub has_operations: bool,
    /// Whether messages travel as text.
    pub is_text: bool,
    /// What the carrier does wrong.
    pub fault: Fault,
}

impl Scenario {
    /// The same under a carrier that is wrong.
    #[must_use]
    pub const fn with(mut self, fault: Fault) -> Scenario {
        self.fault = fault;
        self
    }

    /// The same for another time, in s.
    #[must_use]
    pub const fn lasting(mut self, seconds: u64) -> Scenario {
        self.seconds = seconds;
        self
    }
}
