//! What a policy that is only tried would have decided, asked of the object that keeps recorded
//! use.

use tollgate_core::limit::Name;
use tollgate_core::Duration;
use tollgate_records::message::{Answer, Call};
use tollgate_records::preview::{candidate_of, unknown};

use crate::context::Context;
use crate::doors::records;
use crate::placement;
use crate::telemetry::flush;

/// How long replaying may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// The preview, in JSON, of the policy that the answer to a dry run tells. There is one in any
/// case: the dry run has succeeded.
pub(crate) async fn of(context: &Context<'_>, name: Name, tried: &str) -> String {
    let Some(candidate) = candidate_of(tried) else {
        return unknown();
    };
    let object = placement::records_of(&placement::space_of(context.namespace()));
    let call = Call::Preview { name, candidate };
    match records::ask(context.env, &object, &call, PATIENCE).await {
        Ok(Answer::Preview(json)) => json,
        Ok(_) => unknown(),
        Err(failure) => {
            flush::failed(failure);
            unknown()
        }
    }
}
