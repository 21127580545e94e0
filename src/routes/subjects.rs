//! `GET /subjects`: which subjects there are, as the directory knows them. Wakes none of them but
//! where their objects are asked too.

use tollgate_core::api::response::{to_json, StatusBody};
use tollgate_core::api::subjects::{parse, ListedBody, SubjectsBody};
use tollgate_core::message::{Answer, Call};
use tollgate_core::policy::consistency::Consistency;
use tollgate_core::subject::Subject;
use tollgate_core::summary::State;

use crate::context::Context;
use crate::decide::{object, policies, subjects};
use crate::error::ApiError;
use crate::reply::Reply;

/// Lists subjects.
pub(crate) async fn list(context: &Context<'_>, query: &str) -> Result<Reply, ApiError> {
    let mut query = parse(query)?;
    // Objects know nothing of overrides: what they tell is looked through here.
    let is_of_overrides = |state: &State| matches!(state, State::Paused | State::Overridden);
    let wanted = query.filter.state.filter(is_of_overrides);
    if wanted.is_some() {
        query.filter.state = None;
    }
    let page = subjects::find(context, &query).await?;
    let mut known = Vec::new();
    for found in &page.subjects {
        if let Some(subject) = Subject::from_object_name(&found.name) {
            known.push((subject, found.summary.clone()));
        }
    }
    policies::put_states(context, &mut known).await;
    let told = page.subjects.iter().map(|found| found.told);
    let mut known: Vec<_> = known.into_iter().zip(told).collect();
    known.retain(|((_, summary), _)| {
        wanted.is_none_or(|state| summary.until(state, page.at).is_some())
    });
    let names: Vec<String> = known.iter().map(|((it, _), _)| it.object_name()).collect();
    let status = Call::Status { policy: None };
    let answers = match query.is_live {
        true => object::call_each(context, names.iter().map(String::as_str), &status).await,
        false => Vec::new(),
    };
    let mut overrides = Vec::new();
    if query.is_live {
        for ((subject, _), _) in &known {
            overrides.push(policies::overrides_of(context, subject, None).await);
        }
    }
    let mut listed = Vec::new();
    for (i, ((subject, summary), told)) in known.iter().enumerate() {
        let mut body = ListedBody::new(subject, summary, *told, page.at);
        body.live = answers.get(i).map(|answer| match answer {
            Some(Answer::Status(status)) => {
                Some(StatusBody::new(subject, status, Some(&[]), &overrides[i]).into())
            }
            _ => None,
        });
        listed.push(body);
    }
    let body = SubjectsBody {
        subjects: listed,
        next: page.next.as_deref().map(Into::into),
        as_of: page.at.as_millis(),
        not_listed: [Consistency::Eventual, Consistency::Local],
    };
    Ok(Reply::json(to_json(&body)))
}
