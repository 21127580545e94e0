//! How permits have ended, told to the other objects that have parts of them: by the object of the
//! first part, in the background, until each has acknowledged it. What is still to be told stands
//! in rows, and an alarm sees to it if the object is gone before.

use core::cell::Cell;
use std::rc::Rc;

use tollgate_core::message::{Answer, Call};
use tollgate_core::subject_state::Notice;
use tollgate_core::Duration;
use wasm_bindgen::JsValue;
use worker::Env;

use super::listing::ListedObject;
use super::subject::LoadedSubject;
use crate::doors::limiter::{Limiter, Question};
use crate::task;

/// No caller waits for it.
const PATIENCE: Duration = Duration::from_secs(5);

/// What one object has to tell.
pub(super) struct Outcomes {
    env: Env,
    is_telling: Cell<bool>,
}

impl Outcomes {
    /// Nothing is told yet.
    pub(super) fn new(env: Env) -> Rc<Outcomes> {
        Rc::new(Outcomes {
            env,
            is_telling: Cell::new(false),
        })
    }

    /// Tells what is to be told, in the background; the promise that it was tried, or undefined.
    pub(super) fn tell(self: &Rc<Self>, subject: &Rc<ListedObject<LoadedSubject>>) -> JsValue {
        let has_notices = subject.look(LoadedSubject::has_notices) == Some(true);
        if !has_notices || self.is_telling.replace(true) {
            return JsValue::UNDEFINED;
        }
        let (outcomes, subject) = (Rc::clone(self), Rc::clone(subject));
        task::spawn(async move {
            while outcomes.tell_all(&subject).await {}
            outcomes.is_telling.set(false);
            JsValue::UNDEFINED
        })
    }

    /// Tells all of it at once; whether there is more by now, and nobody was silent.
    async fn tell_all(&self, subject: &ListedObject<LoadedSubject>) -> bool {
        let notices = subject.look(LoadedSubject::notices).unwrap_or_default();
        if notices.is_empty() {
            return false;
        }
        let question = |notice: &Notice| {
            let call = Call::Conclude {
                permit: notice.permit,
                outcome: notice.outcome.clone(),
            };
            Question::new(&notice.object, &call)
        };
        let questions: Vec<Question> = notices.iter().map(question).collect();
        let limiter = Limiter::new(&self.env, PATIENCE, PATIENCE).in_object(None);
        let answers = limiter.ask_all(&questions).await;
        let told = notices.iter().zip(answers);
        let told = told.filter(|(_, answered)| matches!(answered.answer, Ok(Answer::Done)));
        let told: Vec<&Notice> = told.map(|(notice, _)| notice).collect();
        let noted = subject.with(|awake, _| awake.loaded.acknowledge(&told));
        noted.is_ok() && told.len() == notices.len()
    }
}
