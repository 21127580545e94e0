//! Once more, where a subject's object has refused to decide because it knows newer overrides than
//! the isolate.

use super::policies;
use crate::context::Context;
use crate::error::ApiError;

/// What `decide` comes to; the second time, after the isolate has caught up, whatever the objects
/// know. It is told whether objects are told how far the isolate knows the overrides.
pub(super) async fn decided<T>(
    context: &Context<'_>,
    decide: impl AsyncFn(bool) -> Result<T, ApiError>,
) -> Result<T, ApiError> {
    match decide(true).await {
        Err(error) if error.is_stale() => {
            Box::pin(policies::catch_up(context)).await;
            Box::pin(decide(false)).await
        }
        decided => decided,
    }
}
