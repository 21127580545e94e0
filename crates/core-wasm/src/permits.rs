//! What a caller does with a permit. The permit names the subject that it is of.

use tollgate_core::api::permit as form;
use tollgate_core::api::refused::Refused;
use tollgate_core::api::response::{RenewedBody, SettledBody, ToppedBody};
use tollgate_core::api::to_json;
use tollgate_core::message::{Answer, Call};
use tollgate_core::parts::{Failed, NewTotal, Next, Renewal, Step};
use tollgate_core::permit::Permit;
use tollgate_core::subject::Namespace;
use tollgate_core::subject_state::Topup;
use tollgate_core::{Duration, Timestamp};

use crate::failure::Failure;
use crate::limiter::{bounded, done, Limiter};

/// How long the machines below may take; nothing takes any time here.
const PATIENCE: Duration = Duration::from_secs(1);

impl Limiter {
    /// `POST /limit/settle`.
    pub fn settle(&mut self, body: &str, now: Timestamp) -> Result<String, Failure> {
        let form = form::parse_settle(bounded(body)?)?;
        let permit = known(&form.permit)?;
        let call = Call::Settle {
            permit: permit.bits,
            real: form.real,
        };
        match self.ask(&permit.subject.object_name(), &call, now)? {
            Answer::Settled(settled) => Ok(to_json(&SettledBody::of(&settled))),
            other => Err(Failure::of(&other)),
        }
    }

    /// `POST /limit/release`.
    pub fn release(&mut self, body: &str, now: Timestamp) -> Result<(), Failure> {
        let form = form::parse_release(bounded(body)?)?;
        let permit = known(&form.permit)?;
        let call = Call::Release {
            permit: permit.bits,
        };
        done(&self.ask(&permit.subject.object_name(), &call, now)?)
    }

    /// `POST /limit/renew`.
    pub fn renew(&mut self, body: &str, now: Timestamp) -> Result<String, Failure> {
        let form = form::parse_renew(bounded(body)?)?;
        let permit = known(&form.permit)?;
        let home = permit.subject.object_name();
        let (mut renewal, step) = Renewal::begin(home, (permit.bits, form.hold), PATIENCE, now);
        let grant = self.in_all_parts(step, |answers| renewal.step(answers, now), now)?;
        Ok(to_json(&RenewedBody {
            success: true,
            permit: form.permit,
            fence: grant.fence,
            expires: grant.expires.as_millis(),
        }))
    }

    /// `POST /limit/topup`.
    pub fn top_up(&mut self, body: &str, now: Timestamp) -> Result<String, Failure> {
        let form = form::parse_topup(bounded(body)?)?;
        let permit = known(&form.permit)?;
        let home = permit.subject.object_name();
        let topup = Topup::new(permit.bits, form.total, form.overage);
        let (mut total, step) = NewTotal::begin(home, topup, PATIENCE);
        let topped = self.in_all_parts(step, |answers| total.step(answers), now)?;
        Ok(to_json(&ToppedBody::of(&topped, form.permit)))
    }

    /// Does what `step` says, and what `next` says after the answers.
    fn in_all_parts<T>(
        &mut self,
        mut step: Step<T>,
        mut next: impl FnMut(Vec<Option<Answer>>) -> Step<T>,
        now: Timestamp,
    ) -> Result<T, Failure> {
        loop {
            for (object, call) in &step.tell {
                self.ask(object, call, now)?;
            }
            let calls = match step.next {
                Next::Ask { calls, .. } => calls,
                Next::Done(Ok(done)) => return Ok(done),
                Next::Done(Err(Failed::Silent)) => return Err(Failure::unavailable()),
                Next::Done(Err(Failed::Refused(answer))) => return Err(Failure::of(&answer)),
            };
            let answers = calls.iter();
            let answers = answers.map(|(object, call)| self.ask(object, call, now).map(Some));
            step = next(answers.collect::<Result<_, _>>()?);
        }
    }
}

fn known(text: &str) -> Result<Permit, Failure> {
    let permit = Permit::parse(Namespace::default(), text);
    permit.ok_or_else(|| Refused::unknown_permit().into())
}
