//! A question to an object about items, and whether their policies have to be sent whole.

use tollgate_core::decision::Decision;
use tollgate_core::isolate::bounded::Key;
use tollgate_core::isolate::refusals::CallTimes;
use tollgate_core::message::{Answer, Call, Holding, RefusalCode};
use tollgate_core::policy::Policy;
use tollgate_core::subject_state::Item;

use crate::clock;
use crate::doors::limiter::{Answered, Question, Told};
use crate::doors::Failure;
use crate::isolate;

/// A question about items, in which of policies that the object keeps only name and version are
/// told.
pub(super) struct Asking {
    pub(super) question: Question,
    operation: Option<u128>,
    /// On what terms units are held that are one permit with those of other objects.
    holding: Option<Holding>,
    told: Told,
    /// Whether any policy is told so.
    is_brief: bool,
}

impl Asking {
    /// `key`: that of the object and an item's policy.
    pub(super) fn new(
        object: &str,
        (operation, holding): (Option<u128>, Option<Holding>),
        items: &[Item],
        told: Told,
        key: &dyn Fn(&Policy) -> Key,
    ) -> Asking {
        let now = clock::now();
        let is_kept = |policy: &Policy| {
            if !policy.version().is_given() {
                return false;
            }
            let key = key(policy);
            isolate::with(|isolate| isolate.kept.contains(key, now))
        };
        let is_brief = items.iter().any(|item| is_kept(&item.policy));
        let asked = (items, holding.as_ref());
        Asking {
            question: Question::limit(object, operation, asked, &told, &is_kept),
            operation,
            holding,
            told,
            is_brief,
        }
    }

    /// A question of another kind.
    pub(super) fn call(object: &str, call: &Call) -> Asking {
        Asking {
            question: Question::new(object, call),
            operation: None,
            holding: None,
            told: Told::default(),
            is_brief: false,
        }
    }

    /// Whether the object did not keep them after all, or is of a build that cannot be asked so.
    /// Then it has changed nothing.
    pub(super) fn lacks_definition(&self, answered: &Answered) -> bool {
        let is_refused = matches!(
            &answered.answer,
            Ok(Answer::Refused(RefusalCode::UnknownDefinition, _)) | Err(Failure::Unavailable)
        );
        self.is_brief && is_refused
    }

    /// The same question, with all definitions.
    pub(super) fn whole(&self, items: &[Item]) -> Question {
        let object = &self.question.object;
        let asked = (items, self.holding.as_ref());
        Question::limit(object, self.operation, asked, &self.told, &|_| false)
    }
}

/// Remembers whether the object can be asked by the policy's name and version alone.
pub(super) fn record_kept(key: Key, item: &Item, times: CallTimes, decision: &Decision) {
    // What was answered before says nothing of what is kept now.
    if item.policy.version().is_given() && !decision.is_repeated() {
        isolate::with(|isolate| {
            let kept = &mut isolate.kept;
            kept.record(key, decision.keeps_policy, times.received);
        });
    }
}
