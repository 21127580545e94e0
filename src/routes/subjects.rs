//! `GET /subjects`: which subjects there are, as the directory knows them. Wakes none of them but
//! where their objects are asked too.

use tollgate_core::api::response::{to_json, StatusBody};
use tollgate_core::api::subjects::{parse, ListedBody, SubjectsBody};
use tollgate_core::message::{Answer, Call};
use tollgate_core::policy::consistency::Consistency;
use tollgate_core::subject::Subject;

use crate::context::Context;
use crate::decide::{object, policies, subjects};
use crate::error::ApiError;
use crate::reply::Reply;

/// Lists subjects.
pub(crate) async fn list(context: &Context<'_>, query: &str) -> Result<Reply, ApiError> {
    let query = parse(query)?;
    let page = subjects::find(context, &query).await?;
    let names = page.subjects.iter().map(|listed| listed.name.as_str());
    let subjects: Vec<Option<Subject>> = names.clone().map(Subject::from_object_name).collect();
    let status = Call::Status { policy: None };
    let answers = match query.is_live {
        true => object::call_each(context, names, &status).await,
        false => Vec::new(),
    };
    let mut overrides = Vec::new();
    if query.is_live {
        for subject in &subjects {
            overrides.push(match subject {
                Some(subject) => policies::overrides_of(context, subject, None).await,
                None => Vec::new(),
            });
        }
    }
    let mut listed = Vec::new();
    for (i, (found, subject)) in page.subjects.iter().zip(&subjects).enumerate() {
        let Some(subject) = subject else { continue };
        let mut body = ListedBody::new(subject, &found.summary, found.told, page.at);
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
