//! From a route of the API to what answers it.

use super::router::Api;
use crate::context::Context;
use crate::error::ApiError;
use crate::reply::Reply;
use crate::routes::{
    block, limit, multi, overrides, permits, policies, presets, report, stage, subject, subjects,
};

/// The reply of a route; `name` is the one in its path. The caller has the route's role.
pub(super) async fn dispatch(
    context: &Context<'_>,
    (route, name): (Api, &str),
    query: &str,
    body: String,
) -> Result<Reply, ApiError> {
    match route {
        Api::Limit => limit::limit(context, &body).await,
        // Boxed, like all less frequent routes.
        Api::Acquire => Box::pin(limit::acquire(context, &body)).await,
        Api::Multi => Box::pin(multi::multi(context, &body)).await,
        Api::Status => Box::pin(subject::status(context, query)).await,
        Api::Reset => Box::pin(subject::reset(context, query)).await,
        Api::Block => Box::pin(block::block(context, &body)).await,
        Api::Report => Box::pin(report::report(context, &body)).await,
        Api::Settle => Box::pin(permits::settle(context, &body)).await,
        Api::TopUp => Box::pin(permits::top_up(context, &body)).await,
        Api::Renew => Box::pin(permits::renew(context, &body)).await,
        Api::Release => Box::pin(permits::release(context, &body)).await,
        Api::Policies => Box::pin(policies::list(context, query)).await,
        Api::Policy => Box::pin(policies::get(context, name, query)).await,
        Api::PutPolicy => Box::pin(policies::put(context, name, query, body)).await,
        Api::DeletePolicy => Box::pin(policies::delete(context, name, query)).await,
        Api::PolicyVersions => Box::pin(policies::versions(context, name, query)).await,
        Api::Explain => Box::pin(policies::explain(context, name, query)).await,
        Api::Rollback => Box::pin(policies::rollback(context, name, query, &body)).await,
        Api::Audit => Box::pin(policies::audit(context, query)).await,
        Api::Overrides => Box::pin(overrides::list(context, query)).await,
        Api::PutOverride => Box::pin(overrides::put(context, name, query, body)).await,
        Api::LiftOverride => Box::pin(overrides::lift(context, name, query)).await,
        Api::SetStage => Box::pin(stage::set(context, name, query, &body)).await,
        Api::Presets => presets::list(query),
        Api::Install => Box::pin(presets::install(context, name, query)).await,
        Api::Subjects => Box::pin(subjects::list(context, query)).await,
    }
}
