//! What is bound to workerd by hand, because every request runs it and the `worker` crate's own
//! types cost more than all of our code (docs/adr/0015-worker-crate.md), or because the crate lacks
//! it.
//!
//! A JavaScript exception that passes through wasm ends the wasm instance, and with it every
//! request in flight. So whatever may throw on what the runtime or the environment hands in is
//! bound with `catch`. Bound without it are getters of objects that the runtime itself makes, the
//! clock, the log, and functions of hot.js that catch what they call.

use tollgate_core::Duration;
use wasm_bindgen::prelude::*;
use worker::Env;

/// The bindings that Tollgate has, by the names in wrangler.toml. The crate's getters compare the
/// name of each value's class at each use.
pub(crate) trait Bindings {
    /// The bindings.
    fn bound(&self) -> &Bound;
}

impl Bindings for Env {
    fn bound(&self) -> &Bound {
        self.unchecked_ref()
    }
}

#[wasm_bindgen]
extern "C" {
    /// The environment, as this Worker has it. What is not bound is `undefined`.
    pub(crate) type Bound;

    #[wasm_bindgen(method, getter, js_name = RATE_LIMIT)]
    pub(crate) fn rate_limit(this: &Bound) -> Namespace;

    #[wasm_bindgen(method, getter, js_name = DIRECTORY)]
    pub(crate) fn directory(this: &Bound) -> Namespace;

    #[wasm_bindgen(method, getter, js_name = KEYSPACE)]
    pub(crate) fn keyspace(this: &Bound) -> Namespace;

    #[wasm_bindgen(method, getter, js_name = POLICIES)]
    pub(crate) fn policies(this: &Bound) -> Namespace;

    #[wasm_bindgen(method, getter, js_name = RECORDS)]
    pub(crate) fn records(this: &Bound) -> Namespace;

    #[wasm_bindgen(method, getter, js_name = CF_VERSION_METADATA)]
    pub(crate) fn version_metadata(this: &Bound) -> Option<VersionMetadata>;

    #[wasm_bindgen(method, getter, js_name = TOLLGATE_KV)]
    pub(crate) fn kv(this: &Bound) -> Option<KvNamespace>;

    /// What the platform knows of the deployed version.
    pub(crate) type VersionMetadata;

    #[wasm_bindgen(method, getter, catch)]
    pub(crate) fn id(this: &VersionMetadata) -> Result<String, JsValue>;

    /// A namespace of objects: one class.
    pub(crate) type Namespace;

    /// What the event lives in.
    pub(crate) type ExecutionContext;

    /// Lets work go on after the answer.
    #[wasm_bindgen(method, catch, js_name = waitUntil)]
    pub(crate) fn wait_until(this: &ExecutionContext, promise: &JsValue) -> Result<(), JsValue>;
}

// The request. Only what is asked for is read: the runtime makes each part anew at each reading.
#[wasm_bindgen]
extern "C" {
    /// A request.
    pub(crate) type Request;

    #[wasm_bindgen(method, getter)]
    pub(crate) fn headers(this: &Request) -> Headers;

    /// The whole body: not as text, which would be mended where it is no UTF-8, and two identifiers
    /// could become one. `bytes()` makes one promise more inside the runtime, which is a twentieth
    /// of a request.
    #[wasm_bindgen(method, catch, js_name = arrayBuffer)]
    pub(crate) fn array_buffer(this: &Request) -> Result<JsValue, JsValue>;

    /// Headers of a request.
    pub(crate) type Headers;

    #[wasm_bindgen(method)]
    pub(crate) fn get(this: &Headers, name: &str) -> Option<String>;
}

// KV. The crate's futures own callbacks that are dropped when their promise settles, and that of a
// request whose client has gone never does: each would stay in memory for good.
#[wasm_bindgen]
extern "C" {
    /// A KV namespace.
    #[derive(Clone)]
    pub(crate) type KvNamespace;

    #[wasm_bindgen(method, catch)]
    pub(crate) fn get(this: &KvNamespace, key: &str) -> Result<JsValue, JsValue>;

    #[wasm_bindgen(method, catch)]
    pub(crate) fn put(
        this: &KvNamespace,
        key: &str,
        value: &str,
        options: &JsValue,
    ) -> Result<JsValue, JsValue>;

    #[wasm_bindgen(method, catch)]
    pub(crate) fn list(this: &KvNamespace, options: &JsValue) -> Result<JsValue, JsValue>;

    /// What `list` comes to: one page of keys.
    pub(crate) type KvPage;

    #[wasm_bindgen(method, getter, catch)]
    pub(crate) fn keys(this: &KvPage) -> Result<Vec<KvKey>, JsValue>;

    #[wasm_bindgen(method, getter, catch)]
    pub(crate) fn list_complete(this: &KvPage) -> Result<bool, JsValue>;

    #[wasm_bindgen(method, getter, catch)]
    pub(crate) fn cursor(this: &KvPage) -> Result<Option<String>, JsValue>;

    /// One key of a page.
    pub(crate) type KvKey;

    #[wasm_bindgen(method, getter, catch)]
    pub(crate) fn name(this: &KvKey) -> Result<String, JsValue>;

    /// Seconds since 1970.
    #[wasm_bindgen(method, getter, catch)]
    pub(crate) fn expiration(this: &KvKey) -> Result<Option<f64>, JsValue>;

    #[wasm_bindgen(method, getter, catch)]
    pub(crate) fn metadata(this: &KvKey) -> Result<JsValue, JsValue>;
}

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_namespace = Date, js_name = now)]
    pub(crate) fn date_now() -> f64;

    #[wasm_bindgen(catch, js_namespace = crypto, js_name = getRandomValues)]
    fn get_random_values(bytes: &mut [u8]) -> Result<JsValue, JsValue>;

    #[wasm_bindgen(js_namespace = console, js_name = log)]
    pub(crate) fn log(line: &str);

    #[wasm_bindgen(js_namespace = console, js_name = error)]
    pub(crate) fn log_error(line: &str);
}

#[wasm_bindgen(module = "/src/hot.js")]
extern "C" {
    pub(crate) fn drive(resume: &JsValue, task: u32, failure: &JsValue) -> JsValue;

    /// The bytes of an `ArrayBuffer`, copied once.
    #[wasm_bindgen(js_name = bytesOf)]
    pub(crate) fn bytes_of(buffer: &JsValue) -> Vec<u8>;

    /// Four getters and their texts in one crossing.
    pub(crate) fn head(request: &Request, headers: &Headers) -> String;

    /// One RPC with a deadline in one crossing.
    pub(crate) fn ask(namespace: &Namespace, call: &str, milliseconds: u32) -> JsValue;

    #[wasm_bindgen(js_name = askFromObject)]
    pub(crate) fn ask_from_object(namespace: &Namespace, call: &str, milliseconds: u32) -> JsValue;

    #[wasm_bindgen(js_name = askAll)]
    pub(crate) fn ask_all(namespace: &Namespace, calls: Vec<String>, milliseconds: u32) -> JsValue;

    #[wasm_bindgen(js_name = askAllFromObject)]
    pub(crate) fn ask_all_from_object(
        namespace: &Namespace,
        calls: Vec<String>,
        milliseconds: u32,
    ) -> JsValue;

    /// The same as `ask_all`; beside each text stands what an object of Redis keys may take.
    #[wasm_bindgen(js_name = askAll)]
    pub(crate) fn ask_all_allowing(
        namespace: &Namespace,
        calls: Vec<String>,
        milliseconds: u32,
        reply: u32,
        looks: u32,
        last: bool,
    ) -> JsValue;

    /// The answer that is given most, its headers in one crossing. Throws where a header or the
    /// status is none.
    #[wasm_bindgen(catch)]
    pub(crate) fn decided(
        status: u16,
        text: &str,
        limit: f64,
        remaining: f64,
        reset: f64,
        retry_after: f64,
    ) -> Result<JsValue, JsValue>;

    /// Any other answer; throws like [`decided`].
    #[wasm_bindgen(catch)]
    pub(crate) fn answer(status: u16, body: &str, lines: &str) -> Result<JsValue, JsValue>;

    #[wasm_bindgen(js_name = readCounted)]
    pub(crate) fn read_counted(request: &Request, most: u32) -> JsValue;

    /// Before an answer to a request whose body was not read.
    pub(crate) fn drain(request: &Request) -> JsValue;

    pub(crate) fn later(milliseconds: u32) -> JsValue;

    pub(crate) fn turn(request: &Request, milliseconds: u32) -> JsValue;

    /// Settles as a promise does, or rejects with `undefined` after so many milliseconds; the timer
    /// is cleared.
    pub(crate) fn within(promise: &JsValue, milliseconds: u32) -> JsValue;

    #[wasm_bindgen(js_name = hasBinding)]
    pub(crate) fn has_binding(env: &Env, name: &str) -> bool;

    #[wasm_bindgen(js_name = askBinding)]
    pub(crate) fn ask_binding(env: &Env, name: &str, key: &str, milliseconds: u32) -> JsValue;

    #[wasm_bindgen(catch, js_name = zoneOffset)]
    pub(crate) fn zone_offset(zone: &str, milliseconds: f64) -> Result<f64, JsValue>;
}

/// A time as the functions above take it: at most 49 days.
pub(crate) fn millis(time: Duration) -> u32 {
    u32::try_from(time.as_millis()).unwrap_or(u32::MAX)
}

/// 128 random bits, fit for secrets.
pub(crate) fn random_bits() -> u128 {
    let mut bytes = [0; 16];
    match get_random_values(&mut bytes) {
        Ok(_) => u128::from_le_bytes(bytes),
        // The runtime has refused randomness, which it does only outside of events: without it no
        // permit may be given. A panic, and not an exception, which would leave the time of this
        // event to the next one.
        Err(_) => panic!("no randomness"),
    }
}
