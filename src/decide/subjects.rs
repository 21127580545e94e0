//! The subjects of the caller's namespace, as its directory lists them.

use tollgate_core::api::subjects::SubjectsQuery;
use tollgate_core::subject::Subject;

use crate::context::Context;
use crate::directory::{DirectoryCall, Page};
use crate::doors::directory;
use crate::error::ApiError;
use crate::placement;
use crate::telemetry::flush;

/// A page of them. Its `next` and the query's `after` are names without what all of the namespace
/// begin with, so that nobody names another namespace's.
pub(crate) async fn find(context: &Context<'_>, query: &SubjectsQuery) -> Result<Page, ApiError> {
    let namespace = context.namespace();
    let all = Subject::all_names(namespace);
    let after = match query.after.as_str() {
        "" => String::new(),
        after => format!("{all}{after}"),
    };
    let call = DirectoryCall::Find {
        prefix: query.filter.names_begin(namespace),
        after,
        limit: query.limit as u32, // at most a hundred
        filter: query.filter.clone(),
    };
    let directory = placement::directory_of(namespace);
    let found = directory::find(context.env, &directory, &call, context.deadline()).await;
    let mut page = found.map_err(|failure| {
        flush::failed(failure);
        ApiError::directory_silent()
    })?;
    let next = page.next.take();
    page.next = next.and_then(|next| next.strip_prefix(&all).map(str::to_owned));
    Ok(page)
}
