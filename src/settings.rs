//! The settings of the environment, read and parsed once per isolate: an environment does not
//! change in one.

use std::array;
use std::cell::{Cell, OnceCell};
use std::rc::Rc;

use js_sys::{Reflect, JSON};
use tollgate_core::{Duration, Timestamp};
use wasm_bindgen::JsValue;
use worker::Env;

use crate::auth::Caller;
use crate::clock;
use crate::config::{secret, Config, InvalidSetting, Settings, DEADLINE, POLICIES, SECRETS};
use crate::error::ApiError;
use crate::hot;

/// The configuration, or the error in it.
pub(crate) type Parsed = Rc<Result<Config, InvalidSetting>>;

/// How often a wrong setting is logged while requests come: often enough for whoever looks, and no
/// caller can fill the log.
const LOG_AGAIN: Duration = Duration::from_secs(10);

thread_local! {
    static PARSED: OnceCell<Parsed> = const { OnceCell::new() };
    static LOGGED: Cell<Option<Timestamp>> = const { Cell::new(None) };
}

/// The configuration of this environment.
pub(crate) fn of(env: &Env) -> Parsed {
    PARSED.with(|parsed| Rc::clone(parsed.get_or_init(|| Rc::new(parse(env)))))
}

/// Logs a wrong setting for the operator; callers do not see it. At most once per [`LOG_AGAIN`] and
/// isolate.
pub(crate) fn log(invalid: &InvalidSetting) {
    let now = clock::now();
    if LOGGED.get().is_none_or(|at| now.since(at) >= LOG_AGAIN) {
        LOGGED.set(Some(now));
        hot::log_error(&format!("tollgate: {}", invalid.to_log()));
    }
}

/// The callers with a token; where there are none, that is an error, and logged.
pub(crate) fn callers(config: &Config) -> Result<&[Caller], ApiError> {
    config.callers().map_err(|invalid| {
        log(invalid);
        ApiError::from(invalid)
    })
}

/// How long a Worker waits for an object; the default if the settings are wrong, because then no
/// request is decided.
pub(crate) fn deadline(env: &Env) -> Duration {
    match &*of(env) {
        Ok(config) => config.deadline(),
        Err(_) => DEADLINE,
    }
}

/// Whether subjects may be named outside of their own objects; no, if the settings are wrong.
pub(crate) fn logs_identifiers(env: &Env) -> bool {
    matches!(&*of(env), Ok(config) if config.log_identifiers())
}

fn parse(env: &Env) -> Result<Config, InvalidSetting> {
    let text = |name: &str| text(env, name);
    let more_tokens: [_; SECRETS - 1] = array::from_fn(|i| text(&secret(i + 1)));
    Config::parse(&Settings {
        tokens: text(&secret(0)).as_deref(),
        more_tokens: more_tokens.each_ref().map(Option::as_deref),
        cors_origins: text("TOLLGATE_CORS_ORIGINS").as_deref(),
        deadline_ms: text("TOLLGATE_DEADLINE_MS").as_deref(),
        log_every: text("TOLLGATE_LOG_EVERY").as_deref(),
        log_identifiers: text("TOLLGATE_LOG_IDENTIFIERS").as_deref(),
        policies: text(POLICIES).as_deref(),
        bindings: text("TOLLGATE_BINDINGS").as_deref(),
    })
}

/// A setting as text. wrangler also hands on numbers, truth values and JSON as such, which the
/// crate's own getter refuses.
fn text(env: &Env, name: &str) -> Option<String> {
    let value = Reflect::get(env, &JsValue::from_str(name)).ok()?;
    if value.is_null() || value.is_undefined() {
        return None;
    }
    value
        .as_string()
        .or_else(|| JSON::stringify(&value).ok()?.as_string())
}
