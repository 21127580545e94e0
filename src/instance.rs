//! The wasm instance: its number in its isolate, and that it has ended.
//!
//! An instance ends with a panic, a trap (memory or stack used up), and with a JavaScript exception
//! that nothing in Rust catches. Nothing in it can be called afterwards: each call throws until
//! src/entry.js has made a new instance, which it does before the next event. The `worker` crate
//! would have the next call itself make the new one, in the middle of an event: then a callback of
//! the old instance would run in the new one, with addresses of the old.

use wasm_bindgen::prelude::*;

#[wasm_bindgen]
extern "C" {
    type InitState;

    // Kept by the `worker` crate on `globalThis`.
    #[wasm_bindgen(thread_local_v2, js_name = __worker_init_state)]
    static INIT_STATE: InitState;

    #[wasm_bindgen(method, getter, js_name = instanceId)]
    fn instance_id(this: &InitState) -> u32;

    #[wasm_bindgen(method, setter, js_name = criticalError)]
    fn set_critical_error(this: &InitState, has_ended: bool);
}

/// The number of this instance; each new one has the next.
pub(crate) fn number() -> u32 {
    INIT_STATE.with(InitState::instance_id)
}

/// Has the end of this instance noted, where src/entry.js looks before each event. To be called
/// once in each instance, after the crate has set its own handler.
#[wasm_bindgen(js_name = noteItsEnd)]
pub fn note_its_end() {
    INIT_STATE.with(|_| ()); // made now: there may be no memory for it in the handler
    wasm_bindgen::handler::set_on_abort(|| INIT_STATE.with(|state| state.set_critical_error(true)));
}
