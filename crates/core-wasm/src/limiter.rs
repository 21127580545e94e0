//! Questions to answers, both as the JSON of the HTTP API.

use tollgate_core::api::report::NO_SUCH_LIMIT;
use tollgate_core::api::response::{ReportBody, StatusBody};
use tollgate_core::api::{block, query, report, request, to_json, BadRequest};
use tollgate_core::calendar::TimeZone;
use tollgate_core::decision::Decision;
use tollgate_core::limit::Name;
use tollgate_core::message::{Answer, Call};
use tollgate_core::report::{Outcome, Report, Told};
use tollgate_core::Timestamp;
use tollgate_feedback::{read, Why};

use crate::asked::{meant, subject, Asked};
use crate::failure::Failure;
use crate::policies::Policies;
use crate::random::Random;
use crate::subjects::Subjects;

/// The largest question, in bytes of JSON, as of the Worker.
pub const MAX_BODY: usize = 65_536;

/// All that is asked about: policies, and subjects with their states.
pub struct Limiter {
    pub(crate) policies: Policies,
    pub(crate) subjects: Subjects,
    pub(crate) random: Random,
}

impl Limiter {
    /// One without policies and subjects. At most `max_subjects` are in use at a time; `seed` makes
    /// the permits.
    pub fn new(max_subjects: usize, seed: &str, zones: Box<dyn TimeZone>) -> Limiter {
        Limiter {
            policies: Policies::default(),
            subjects: Subjects::new(max_subjects, zones),
            random: Random::of(seed),
        }
    }

    /// Time goes on: what is idle is forgotten. How many subjects are left.
    pub fn pass(&mut self, now: Timestamp) -> usize {
        self.subjects.ring(now);
        self.subjects.count()
    }

    /// Makes or changes a policy; its version.
    pub fn put_policy(&mut self, name: &str, text: &str, now: Timestamp) -> Result<u64, Failure> {
        self.policies.put(name, text, now)
    }

    /// Deletes a policy.
    pub fn delete_policy(&mut self, name: &str, now: Timestamp) -> Result<(), Failure> {
        self.policies.delete(name, now)
    }

    /// `POST /limit`.
    pub fn limit(&mut self, body: &str, now: Timestamp) -> Result<String, Failure> {
        let request = request::parse(bounded(body)?)?;
        let asked = Asked::of(request, &mut self.policies)?;
        let call = Call::Limit {
            operation: None,
            items: vec![asked.item.clone()],
            holding: None,
        };
        let call = call.with_fields(asked.keyed, None, None);
        let answer = self.ask(&asked.object, &call, now)?;
        let mut decisions = decisions(answer)?;
        let decision = decisions.pop().ok_or_else(Failure::unavailable)?; // one was asked
        Ok(to_json(&asked.body(&decision)))
    }

    /// `GET /limit`, asked as JSON.
    pub fn status(&mut self, body: &str, now: Timestamp) -> Result<String, Failure> {
        let query = query::from_body(bounded(body)?)?;
        let subject = subject(query.subject, query.policy.as_ref(), &mut self.policies)?;
        let policy = text(query.policy.as_ref());
        match self.ask(&subject.object_name(), &Call::Status { policy }, now)? {
            Answer::Status(status) => {
                let body = StatusBody::new(&subject, &status, Some(&[]), &[]);
                Ok(to_json(&body))
            }
            other => Err(Failure::of(&other)),
        }
    }

    /// `DELETE /limit`, asked as JSON.
    pub fn reset(&mut self, body: &str, now: Timestamp) -> Result<(), Failure> {
        let query = query::from_body(bounded(body)?)?;
        let subject = subject(query.subject, query.policy.as_ref(), &mut self.policies)?;
        let policy = text(query.policy.as_ref());
        done(&self.ask(&subject.object_name(), &Call::Reset { policy }, now)?)
    }

    /// `POST /limit/block`.
    pub fn block(&mut self, body: &str, now: Timestamp) -> Result<(), Failure> {
        let block = block::parse(bounded(body)?)?;
        let subject = subject(block.subject, block.policy.as_ref(), &mut self.policies)?;
        let call = Call::Block {
            policy: text(block.policy.as_ref()),
            duration: block.duration,
            reason: block.reason.unwrap_or_default(),
        };
        done(&self.ask(&subject.object_name(), &call, now)?)
    }

    /// `POST /limit/report`. Every report is heeded at once; a Worker sums up those that say
    /// nothing new.
    pub fn report(&mut self, body: &str, now: Timestamp) -> Result<String, Failure> {
        let request = report::parse(bounded(body)?)?;
        let headers = request.headers.iter();
        let headers = headers.map(|(name, value)| (name.as_str(), value.as_str()));
        let answered = now.as_millis().saturating_sub(request.age.as_millis());
        let feedback = read(request.status, headers, Timestamp::from_millis(answered));
        let about = (request.subject, request.rule);
        let (subject, policy) = meant(about.0, about.1, request.is_of_parent, &mut self.policies)?;
        let is_named = |label: &String| policy.limits().iter().any(|it| it.label() == *label);
        if request.limit.as_ref().is_some_and(|label| !is_named(label)) {
            return Err(BadRequest::new("limit", NO_SUCH_LIMIT).into());
        }
        let report = Report {
            policy,
            limit: request.limit,
            status: request.status,
            refused: feedback.refused,
            wait: feedback.wait,
            limits: feedback.limits.iter().map(Told::from).collect(),
            age: request.age,
            by: String::new(),
            count: 1,
            in_use: None,
        };
        let call = Call::Report(Box::new(report.clone()));
        let outcome = match self.ask(&subject.object_name(), &call, now)? {
            Answer::Reported(reported) => Outcome::Done(reported),
            other => return Err(Failure::of(&other)),
        };
        let ignored = feedback.ignored.iter();
        let ignored = ignored.map(|it| (it.header.as_str(), Why::as_str(it.why)));
        let body = ReportBody::new(&subject, &report, (&outcome, now), ignored);
        Ok(to_json(&body))
    }

    /// The answer of a subject's state, after all alarms until now.
    pub(crate) fn ask(
        &mut self,
        object: &str,
        call: &Call,
        now: Timestamp,
    ) -> Result<Answer, Failure> {
        self.subjects.ring(now);
        self.subjects.ask(object, call, &mut self.random, now)
    }
}

/// A body of a length that is read.
pub fn bounded(body: &str) -> Result<&str, Failure> {
    match body.len() <= MAX_BODY {
        true => Ok(body),
        false => Err(Failure::body_too_large(MAX_BODY)),
    }
}

/// The decisions in an answer, or why there are none.
pub fn decisions(answer: Answer) -> Result<Vec<Decision>, Failure> {
    match answer {
        Answer::Decided(decisions) => Ok(decisions),
        other => Err(Failure::of(&other)),
    }
}

/// Done, or why not.
pub fn done(answer: &Answer) -> Result<(), Failure> {
    match answer {
        Answer::Done => Ok(()),
        other => Err(Failure::of(other)),
    }
}

fn text(name: Option<&Name>) -> Option<String> {
    name.map(|name| name.as_str().to_owned())
}

#[cfg(test)]
mod tests;
