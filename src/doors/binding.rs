//! The door to native rate-limit bindings. The crate's own type for them compares the name of the
//! binding's class at each use.

use tollgate_core::policy::consistency::LocalLimit;
use tollgate_core::Duration;
use worker::Env;

use super::Failure;
use crate::hot;
use crate::task::settled;

/// Whether a limit has its binding.
pub(crate) fn has(env: &Env, limit: &LocalLimit) -> bool {
    hot::has_binding(env, &limit.binding())
}

/// Whether the binding of a limit admits one more request for `key`.
pub(crate) async fn admits(
    env: &Env,
    limit: &LocalLimit,
    key: &str,
    patience: Duration,
) -> Result<bool, Failure> {
    let patience = hot::millis(patience).max(1);
    let asked = hot::ask_binding(env, &limit.binding(), key, patience);
    let answer = settled(asked).await.ok();
    answer
        .and_then(|value| value.as_bool())
        .ok_or(Failure::Binding)
}
