//! What happens when a wasm instance begins: the first one of an isolate, and the one after each panic.
//!
//! A panic ends the instance. wasm-bindgen then makes a new one before the next call, and the shim of worker-build makes every live
//! object anew in it, from the arguments of its first construction, when it sees that `instanceId` has risen. Objects load their state
//! from storage, where everything that was answered stands. The `worker` crate would do the same; see Cargo.toml for why it is not
//! linked.

use js_sys::{Object, Reflect};
use wasm_bindgen::prelude::*;

use crate::directory_object::DirectoryDO;
use crate::keyspace_object::KeyspaceDO;
use crate::limiter_object::RateLimitDO;

// On `globalThis` so that the tests can ask for a new instance.
#[wasm_bindgen(
    inline_js = "export const state = globalThis.__tollgate_init_state = { criticalError: false, instanceId: 0 };"
)]
extern "C" {
    type InitState;

    #[wasm_bindgen(thread_local_v2, js_name = state)]
    static INIT_STATE: InitState;

    #[wasm_bindgen(method, getter, js_name = instanceId)]
    fn instance_id(this: &InitState) -> u32;

    #[wasm_bindgen(method, setter, js_name = instanceId)]
    fn set_instance_id(this: &InitState, id: u32);

    #[wasm_bindgen(method, setter, js_name = criticalError)]
    fn set_critical_error(this: &InitState, is: bool);
}

#[wasm_bindgen(module = "cloudflare:workers")]
extern "C" {
    #[wasm_bindgen(thread_local_v2, js_name = DurableObject)]
    static DURABLE_OBJECT: JsValue;
}

/// What worker-build's shim watches.
#[wasm_bindgen(js_name = __worker_init_state)]
pub fn worker_init_state() -> JsValue {
    INIT_STATE.with(|state| state.into())
}

/// The number of this wasm instance in its isolate; it rises with each panic.
pub(crate) fn instance_id() -> u32 {
    INIT_STATE.with(InitState::instance_id)
}

// `private`: an exported function would be callable through service bindings.
#[wasm_bindgen(start, private)]
fn start() {
    std::panic::set_hook(Box::new(console_error_panic_hook::hook));
    wasm_bindgen::handler::set_on_abort(wasm_bindgen::handler::schedule_reinit);
    INIT_STATE.with(|state| {
        state.set_instance_id(state.instance_id().wrapping_add(1));
        state.set_critical_error(false);
    });
    extend_durable_object(RateLimitDO::unborn());
    extend_durable_object(DirectoryDO::unborn());
    extend_durable_object(KeyspaceDO::unborn());
}

/// Makes the class of `instance` extend `DurableObject`: the runtime takes calls only to methods of classes that do. `instance` is any
/// value of the class; its prototype chain is that of all.
fn extend_durable_object(instance: impl Into<JsValue>) {
    let base = DURABLE_OBJECT.with(Clone::clone);
    let prototype = Object::get_prototype_of(&instance.into());
    let (Ok(class), Ok(base_prototype)) = (
        Reflect::get(&prototype, &"constructor".into()),
        Reflect::get(&base, &"prototype".into()),
    ) else {
        return; // reading a property of a class does not throw
    };
    Object::set_prototype_of(
        prototype.unchecked_ref::<Object>(),
        base_prototype.unchecked_ref::<Object>(),
    );
    Object::set_prototype_of(
        class.unchecked_ref::<Object>(),
        base.unchecked_ref::<Object>(),
    );
}
