//! What has been read of an answer so far. Where it says a thing twice, the stricter counts.

use tollgate_core::{Duration, Timestamp};

use crate::{Cause, Feedback, Ignored, Measure, Scope, Told, When, Why};

/// How many limits one answer may tell.
pub const MAX_LIMITS: usize = 64;
/// How many bytes a name has at most: of a limit, of its unit, and of a header.
pub const MAX_NAME: usize = 128;

/// Headers that speak of the same limits, and tell them apart by name alone; the prefix of their
/// names.
pub(crate) type Family = &'static str;

/// What has been read.
#[derive(Debug)]
pub(crate) struct Notes {
    status: u16,
    /// When the answer came.
    pub(crate) answered: Timestamp,
    wait: Option<When>,
    cause: Cause,
    limits: Vec<Noted>,
    /// Windows by the quota that they have, for families in which a limit's window stands apart.
    policies: Vec<(Family, u64, Duration)>,
    /// Names that stand apart from the limit without a name.
    names: Vec<(Family, String)>,
}

/// A limit, as far as it has been read.
#[derive(Debug)]
struct Noted {
    family: Family,
    told: Told,
}

impl Notes {
    pub(crate) fn new(status: u16, answered: Timestamp) -> Notes {
        Notes {
            status,
            answered,
            wait: None,
            cause: Cause::default(),
            limits: Vec::new(),
            policies: Vec::new(),
            names: Vec::new(),
        }
    }

    /// The upstream asks to be left alone. The longest wait counts.
    pub(crate) fn wait(&mut self, when: When) -> Result<(), Why> {
        if self.status < 400 {
            return Err(Why::NotRefused);
        }
        let end = |it: When| it.instant(self.answered);
        if self.wait.is_none_or(|known| end(known) < end(when)) {
            self.wait = Some(when);
        }
        Ok(())
    }

    /// It says what of it refused. The widest scope counts.
    pub(crate) fn cause(&mut self, scope: Option<Scope>, measure: Option<Measure>) {
        self.cause.scope = self.cause.scope.max(scope);
        self.cause.measure = self.cause.measure.max(measure);
    }

    /// It says something about a limit of a family, which is the one of this name.
    pub(crate) fn tell(&mut self, family: Family, told: Told) -> Result<(), Why> {
        told.name.as_deref().map_or(Ok(()), check_name)?;
        told.unit.as_deref().map_or(Ok(()), check_name)?;
        let is_it = |it: &&mut Noted| it.family == family && it.told.name == told.name;
        match self.limits.iter_mut().find(is_it) {
            Some(known) => known.told.tighten(told),
            None => {
                self.check_room()?;
                self.limits.push(Noted { family, told });
            }
        }
        Ok(())
    }

    /// A limit of a family without a name has this name, said in another header.
    pub(crate) fn name(&mut self, family: Family, name: &str) -> Result<(), Why> {
        check_name(name)?;
        self.names.push((family, name.to_owned()));
        Ok(())
    }

    /// A limit of a family without a name, and of this many units, has this window.
    pub(crate) fn policy(
        &mut self,
        family: Family,
        quota: u64,
        window: Duration,
    ) -> Result<(), Why> {
        self.check_room()?;
        self.policies.push((family, quota, window));
        Ok(())
    }

    /// Whether one more limit may be told.
    fn check_room(&self) -> Result<(), Why> {
        let full = self.limits.len() + self.policies.len() >= MAX_LIMITS;
        if full {
            Err(Why::TooMuch)
        } else {
            Ok(())
        }
    }

    /// All of it together.
    pub(crate) fn finish(mut self, ignored: Vec<Ignored>) -> Feedback {
        let others = self.give_windows();
        self.give_names();
        self.limits.extend(others);
        let mut limits = joined(self.limits);
        limits.iter_mut().for_each(Told::settle);
        limits.sort();
        let used_up = limits.iter().any(|it| it.remaining == Some(0));
        let refused = match self.status {
            429 => true,
            403 => self.wait.is_some() || used_up,
            _ => false,
        };
        Feedback {
            refused,
            cause: self.cause,
            wait: self.wait,
            limits,
            ignored,
        }
    }

    /// Gives windows to the limits without a name that have as many units. The policies that are
    /// none of these are limits of their own.
    fn give_windows(&mut self) -> Vec<Noted> {
        let mut others: Vec<Noted> = Vec::new();
        for &(family, quota, window) in &self.policies {
            let told = Told {
                limit: Some(quota),
                window: Some(window),
                ..Told::default()
            };
            let is_it = |it: &&mut Noted| {
                it.family == family && it.told.name.is_none() && it.told.limit == Some(quota)
            };
            match self.limits.iter_mut().find(is_it) {
                Some(limit) => limit.told.tighten(told),
                None if others.iter().any(|it| it.told == told) => {}
                None => others.push(Noted { family, told }),
            }
        }
        others
    }

    /// Gives the limits without a name those that stand apart; of two names the first.
    fn give_names(&mut self) {
        self.names.sort();
        for (family, name) in self.names.drain(..) {
            let is_it = |it: &&mut Noted| it.family == family && it.told.name.is_none();
            if let Some(limit) = self.limits.iter_mut().find(is_it) {
                limit.told.name = Some(name);
            }
        }
    }
}

/// Limits that have the same name and as many units in two families are one.
fn joined(noted: Vec<Noted>) -> Vec<Told> {
    let mut joined: Vec<Noted> = Vec::new();
    for Noted { family, told } in noted {
        let is_it = |it: &&mut Noted| {
            let same = it.told.limit.is_some() && it.told.limit == told.limit;
            it.family != family && it.told.name == told.name && same
        };
        match joined.iter_mut().find(is_it) {
            Some(known) => known.told.tighten(told),
            None => joined.push(Noted { family, told }),
        }
    }
    joined.into_iter().map(|it| it.told).collect()
}

/// A name is visible ASCII, and not too long.
fn check_name(name: &str) -> Result<(), Why> {
    if name.len() > MAX_NAME {
        return Err(Why::TooMuch);
    }
    let visible = |byte: u8| byte.is_ascii_graphic() || byte == b' ';
    if name.is_empty() || !name.bytes().all(visible) {
        return Err(Why::Malformed);
    }
    Ok(())
}

impl Told {
    /// The same limit was told once more: of each thing, the stricter counts.
    fn tighten(&mut self, other: Told) {
        self.limit = of_both(self.limit, other.limit, u64::min);
        self.remaining = of_both(self.remaining, other.remaining, u64::min);
        self.used = of_both(self.used, other.used, u64::max);
        self.reset = of_both(self.reset, other.reset, surer);
        self.window = of_both(self.window, other.window, Duration::max);
        self.unit = of_both(self.unit.take(), other.unit, String::min);
    }

    /// What is told of one limit fits together: nothing remains beyond it, or of what is used.
    fn settle(&mut self) {
        let Some(limit) = self.limit else { return };
        let unused = self.used.map(|used| limit.saturating_sub(used));
        self.remaining = of_both(self.remaining, unused, u64::min).map(|it| it.min(limit));
    }
}

/// Of two times at which a limit comes back. A time from the answer on needs no clock to be right,
/// so it goes before an instant; of two of a kind the later counts.
fn surer(one: When, other: When) -> When {
    match (one, other) {
        (When::After(_), When::At(_)) => one,
        (When::At(_), When::After(_)) => other,
        _ => one.max(other),
    }
}

/// What is told once, or what is made of both.
fn of_both<T>(one: Option<T>, other: Option<T>, choose: fn(T, T) -> T) -> Option<T> {
    match (one, other) {
        (Some(one), Some(other)) => Some(choose(one, other)),
        (one, other) => one.or(other),
    }
}
