//! A bucket with the classes that share it: what is charged to it and given back moves both its
//! level and its classes. Nothing else moves the level of a bucket that has classes but time, which
//! moves both as well.

use super::bucket::Bucket;
use super::classes::{Classes, Payer};
use super::level::Level;
use super::View;
use crate::limit::weights::{Asks, ClassName};
use crate::limit::Shape;

impl Bucket {
    /// Charges so many parts, also those that are not there. Nobody waits.
    #[inline]
    pub(super) fn charge(&mut self, shape: &Shape, parts: u128, payer: Payer) {
        if let Some(classes) = &mut self.classes {
            classes.charge(shape, parts, payer);
        }
        self.level.take(shape, parts);
    }

    /// Charges up to `units` that nobody has used yet, so that a row covers those who come next:
    /// how many. Nobody waits.
    pub(super) fn charge_ahead(&mut self, shape: &Shape, units: u64) -> u64 {
        let units = match &mut self.classes {
            Some(classes) => classes.run_ahead(shape, units),
            None => units,
        };
        self.level.take(shape, shape.parts(units));
        units
    }

    /// Gives back up to so many parts, to this class where there are classes; how many.
    pub(super) fn return_parts(
        &mut self,
        shape: &Shape,
        parts: u128,
        class: Option<&ClassName>,
    ) -> u128 {
        let mut back = parts.min(self.missing(shape));
        if let Some(classes) = &self.classes {
            back = class.map_or(0, |class| classes.owed(class, back));
        }
        self.level.deficit -= back;
        if let (Some(classes), Some(class)) = (&mut self.classes, class) {
            classes.give_back(class, back, &self.level);
        }
        back
    }

    /// Counts at least so many units, at the cost of all classes. Whether it has classes: what a
    /// bucket without them counts is another's.
    pub(super) fn raise_for_all(&mut self, shape: &Shape, units: u64) -> bool {
        let more = shape.parts(units).saturating_sub(self.level.deficit);
        if self.classes.is_some() {
            self.charge(shape, more, Payer::All);
        }
        self.classes.is_some()
    }

    /// Whether the classes are the level, divided: always, or what a row of it tells is not true.
    pub(super) fn is_divided(&self) -> bool {
        (self.classes.as_ref()).is_none_or(|classes| classes.divide(&self.level))
    }

    /// The class that asks, where there are classes.
    pub(super) fn asking(&self) -> Option<ClassName> {
        self.classes.as_ref().map(|classes| classes.asking())
    }

    /// The same, asked by a class of a policy with weights, or by nobody in particular where it has
    /// none. `None` where that is already so. The bucket must be projected to `now`.
    pub(super) fn asked_by(&self, shape: &Shape, asks: Option<&Asks>) -> Option<Bucket> {
        let Some(asks) = asks else {
            self.classes.as_ref()?;
            return Some(Bucket {
                classes: None,
                ..self.clone()
            });
        };
        let now = self.level.seen;
        let Some(classes) = &self.classes else {
            // Whoever waits goes in front of all classes.
            let back = self.pace(shape).back(now);
            let level = Level {
                deficit: self.as_if_in_front(shape).saturating_sub(back),
                time: now,
                ..self.level
            };
            return Some(Bucket {
                classes: Some(Box::new(Classes::first(asks, shape, &level))),
                queue: None,
                level,
            });
        };
        let joined = classes.joined(asks, shape, now);
        (!joined.are_as(classes)).then(|| Bucket {
            classes: Some(Box::new(joined)),
            ..self.clone()
        })
    }

    /// What is left of the whole, whatever class asks; `reset` is when it is full. The bucket must
    /// be projected to now.
    pub(super) fn view_of_whole(&self, shape: &Shape) -> View {
        match self.classes {
            Some(_) => self.level.view(shape),
            None => self.view(shape),
        }
    }
}
