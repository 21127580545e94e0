//! The settings of the environment, parsed once per isolate: again only when one of them is another value than before.

use std::cell::RefCell;
use std::rc::Rc;

use wasm_bindgen::JsValue;

use crate::config::{Config, InvalidSetting, Settings};
use crate::runtime::Env;

/// What was parsed, or what is wrong.
pub(super) type Parsed = Result<Rc<Config>, InvalidSetting>;

struct Cached {
    values: [JsValue; 5],
    parsed: Rc<Parsed>,
}

thread_local! {
    static CACHED: RefCell<Option<Cached>> = const { RefCell::new(None) };
}

/// The configuration of this environment.
pub(super) fn of(env: &Env) -> Rc<Parsed> {
    let values = [
        env.tokens(),
        env.cors_origins(),
        env.deadline_ms(),
        env.log_every(),
        env.log_identifiers(),
    ];
    CACHED.with_borrow_mut(|cached| match cached {
        Some(cached) if cached.values == values => Rc::clone(&cached.parsed),
        _ => {
            let parsed = Rc::new(parse(&values));
            *cached = Some(Cached {
                values,
                parsed: Rc::clone(&parsed),
            });
            parsed
        }
    })
}

fn parse(values: &[JsValue; 5]) -> Parsed {
    let [tokens, cors_origins, deadline_ms, log_every, log_identifiers] =
        values.each_ref().map(text_of);
    Config::parse(&Settings {
        tokens: tokens.as_deref(),
        cors_origins: cors_origins.as_deref(),
        deadline_ms: deadline_ms.as_deref(),
        log_every: log_every.as_deref(),
        log_identifiers: log_identifiers.as_deref(),
    })
    .map(Rc::new)
}

/// A setting as text: wrangler also hands on numbers, truth values and JSON as such.
fn text_of(value: &JsValue) -> Option<String> {
    if value.is_undefined() || value.is_null() {
        return None;
    }
    let json = || js_sys::JSON::stringify(value).ok().map(String::from);
    value.as_string().or_else(json)
}
