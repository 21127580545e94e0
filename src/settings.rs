//! The settings of the environment, parsed once per isolate: again only when one of them is another value than before.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use js_sys::Array;
use wasm_bindgen::JsValue;

use tollgate_core::{Duration, Timestamp};

use crate::clock;
use crate::config::{Config, InvalidSetting, Settings, DEADLINE};
use crate::hot;
use worker::Env;

/// What was parsed, or what is wrong.
pub(crate) type Parsed = Result<Rc<Config>, InvalidSetting>;

/// How often a wrong setting is logged while requests come: often enough for whoever looks, and no
/// caller can fill the log.
const LOG_AGAIN: Duration = Duration::from_secs(10);

const NAMES: [&str; 5] = [
    "TOLLGATE_TOKENS",
    "TOLLGATE_CORS_ORIGINS",
    "TOLLGATE_DEADLINE_MS",
    "TOLLGATE_LOG_EVERY",
    "TOLLGATE_LOG_IDENTIFIERS",
];

thread_local! {
    static NAMES_VALUE: JsValue = NAMES.into_iter().map(JsValue::from_str).collect::<Array>().into();
    static PARSED: RefCell<Option<Rc<Parsed>>> = const { RefCell::new(None) };
    static LOGGED: Cell<Option<Timestamp>> = const { Cell::new(None) };
}

/// The configuration of this environment.
pub(crate) fn of(env: &Env) -> Rc<Parsed> {
    PARSED.with_borrow_mut(|parsed| {
        let known = parsed.is_some();
        let values = NAMES_VALUE.with(|names| hot::settings(env, names, known));
        match (&*parsed, values) {
            (Some(parsed), None) => Rc::clone(parsed),
            (_, values) => {
                let now = Rc::new(parse(&values.unwrap_or_default()));
                *parsed = Some(Rc::clone(&now));
                now
            }
        }
    })
}

/// Logs what is wrong, for whoever runs the Worker: callers are not told. At most once in
/// [`LOG_AGAIN`] and isolate.
pub(crate) fn log(invalid: &InvalidSetting) {
    let now = clock::now();
    if LOGGED.get().is_none_or(|at| now.since(at) >= LOG_AGAIN) {
        LOGGED.set(Some(now));
        hot::log_error(&format!("tollgate: {}", invalid.to_log()));
    }
}

/// How long a Worker waits for an object; the usual time where the settings are wrong, as then nobody is answered.
pub(crate) fn deadline(env: &Env) -> Duration {
    match &*of(env) {
        Ok(config) => config.deadline(),
        Err(_) => DEADLINE,
    }
}

fn parse(values: &Array) -> Parsed {
    let text = |i: u32| values.get(i).as_string();
    let [tokens, cors_origins, deadline_ms, log_every, log_identifiers] = [0, 1, 2, 3, 4].map(text);
    Config::parse(&Settings {
        tokens: tokens.as_deref(),
        cors_origins: cors_origins.as_deref(),
        deadline_ms: deadline_ms.as_deref(),
        log_every: log_every.as_deref(),
        log_identifiers: log_identifiers.as_deref(),
    })
    .map(Rc::new)
}
