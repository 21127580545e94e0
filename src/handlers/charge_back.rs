//! Charges to an object what this isolate gave out while it was away, as soon as it has answered again: in the background, so nobody
//! waits for it, and not before, because a charge that gets no answer may have arrived and is not sent again.

use tollgate_core::decide::Check;
use tollgate_core::message::Call;
use tollgate_core::policy::{FailMode, Policy};
use tollgate_core::subject_state::Item;
use wasm_bindgen::JsValue;

use super::step::Asked;
use super::{eventual, Context};
use crate::clock::moment;
use crate::isolate::memory;
use crate::limiter_client::Limiter;
use crate::telemetry::Failure;
use crate::{runtime, task};

/// Remembers what was given out without the object. In a time zone that nobody knows nothing can be counted.
pub(super) fn owe(object: &str, policy: &Policy, check: &Check) {
    let _ = memory(|memory| memory.debts.record(object, policy, check, moment()));
}

/// Charges what is owed to the objects that have just answered.
pub(super) fn charge_back(context: &Context, asked: &[Asked]) {
    if memory(|memory| memory.debts.is_empty()) {
        return;
    }
    for it in asked.iter().filter(|it| it.answer.is_ok()) {
        let owed = memory(|memory| memory.debts.take(&it.object, moment()));
        match owed {
            Ok(items) if !items.is_empty() => charge_later(context, it.object.clone(), items),
            _ => {}
        }
    }
}

fn charge_later(context: &Context, object: String, items: Vec<Item>) {
    let (env, deadline) = (context.env.clone(), context.config.deadline());
    let charged = task::spawn(async move {
        let call = Call::Charge {
            operation: runtime::random_bits(),
            items,
        };
        let calls = [(object.as_str(), &call)].into_iter();
        let answers = Limiter::new(&env, deadline).call_all(calls).await;
        let Call::Charge { items, .. } = &call else {
            return JsValue::UNDEFINED; // the call is the one that was made above
        };
        for Item { policy, check } in items {
            match answers.as_slice() {
                // Only where it has certainly not arrived is it owed on.
                [Err(Failure::LeftAlone | Failure::Overloaded)] => owe(&object, policy, check),
                [Ok(_)] if policy.fail_mode() == FailMode::Eventual => {
                    eventual::charged(&object, policy, check.cost.unsigned_abs());
                }
                _ => {}
            }
        }
        JsValue::UNDEFINED
    });
    let _ = context.execution.wait_until(&charged);
}
