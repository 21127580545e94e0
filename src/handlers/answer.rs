//! What an object's answer means to the caller.

use tollgate_core::decision::Decision;
use tollgate_core::message::{Answer, RefusalCode};

use super::observe;
use super::reply::Reply;
use super::step::{Asked, Step};
use crate::error::ApiError;

/// The decisions in an answer, or why there are none.
pub(super) fn decisions(answer: Answer) -> Result<Vec<Decision>, ApiError> {
    match answer {
        Answer::Decided(decisions) => Ok(decisions),
        other => Err(refused(&other)),
    }
}

/// An answer that is not the one that was asked for, as an error.
pub(super) fn refused(answer: &Answer) -> ApiError {
    match answer {
        Answer::Refused(RefusalCode::UnknownTimeZone, zone) => ApiError::unknown_time_zone(zone),
        Answer::Refused(RefusalCode::UnknownPermit, _) => ApiError::unknown_permit(),
        Answer::Refused(RefusalCode::TooManyLimits, of) => match of.strip_prefix("name/") {
            Some(name) => ApiError::too_many_definitions(name),
            None => ApiError::too_many_limits(of.parse().ok()),
        },
        _ => ApiError::object_unavailable(),
    }
}

/// The answer to something that no failure mode can answer.
pub(super) fn answer_of(asked: Asked) -> Result<Answer, ApiError> {
    asked.answer.map_err(|failure| {
        observe::failed(failure);
        ApiError::object_unavailable()
    })
}

/// Done, or why not.
pub(super) fn done(answer: Answer) -> Result<Step, ApiError> {
    match answer {
        Answer::Done => Ok(Step::Done(Reply::done())),
        other => Err(refused(&other)),
    }
}
