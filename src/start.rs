//! What happens when a wasm instance begins: the first one of an isolate, and the one after each panic. src/entry.js is its other half.
//!
//! A panic ends the instance: the wasm stops at an instruction that cannot be run, and nothing in it may be called any more. The handler
//! below says so to entry.js, which makes a new instance before it hands on the next event.

use wasm_bindgen::prelude::*;

// On `globalThis` because entry.js and the snippets are bundled as modules of their own, and so that the tests can end an instance.
#[wasm_bindgen(
    inline_js = "export const instance = globalThis.__tollgateInstance = { number: 0, ended: false };"
)]
extern "C" {
    type Instance;

    #[wasm_bindgen(thread_local_v2, js_name = instance)]
    static INSTANCE: Instance;

    #[wasm_bindgen(method, getter)]
    fn number(this: &Instance) -> u32;

    #[wasm_bindgen(method, setter)]
    fn set_number(this: &Instance, number: u32);

    #[wasm_bindgen(method, setter)]
    fn set_ended(this: &Instance, ended: bool);
}

/// The number of this wasm instance in its isolate; it rises with each panic.
pub(crate) fn instance_number() -> u32 {
    INSTANCE.with(Instance::number)
}

/// For the tests that run several builds side by side: what `__tollgateVersions` says, how many versions later forms are written and read.
#[cfg(feature = "other-versions")]
fn pretend() {
    #[wasm_bindgen(
        inline_js = "export const later = (i) => globalThis.__tollgateVersions?.[i] ?? 0;"
    )]
    extern "C" {
        fn later(i: u32) -> u32;
    }
    tollgate_versions::pretended::pretend(later(0), later(1));
}

// `private`: entry.js needs it not, wasm-bindgen calls it.
#[wasm_bindgen(start, private)]
fn start() {
    #[cfg(feature = "other-versions")]
    pretend();
    std::panic::set_hook(Box::new(console_error_panic_hook::hook));
    wasm_bindgen::handler::set_on_abort(|| INSTANCE.with(|instance| instance.set_ended(true)));
    INSTANCE.with(|instance| {
        instance.set_number(instance.number().wrapping_add(1));
        instance.set_ended(false);
    });
}
