// What costs less in JavaScript than through bindings, or cannot be said in Rust. Each function
// says why it is not in Rust. Nothing here decides anything. Each export is bound in hot.rs.

/**
 * Runs one task of Rust. `resume` runs it until it awaits a promise, which `resume` returns, or
 * until it ends with a Response, a text or undefined; null stands for a task that does not exist.
 * No promise and no waker is shared between requests: workerd forbids it. `failure` is the body for
 * a task that cannot end, because its wasm instance has. Here because an `await` in Rust costs two
 * closures each time, and because this goes on when the wasm instance has ended.
 */
export async function drive(resume, task, failure) {
  try {
    let next = resume(task, undefined, false);
    // Not by looking for a `then`: on the promise of a remote call that alone costs as much as a
    // header.
    while (typeof next === "object" && next !== null && !(next instanceof Response)) {
      let value;
      let failed = false;
      try {
        value = await next;
      } catch (error) {
        value = error;
        failed = true;
      }
      next = resume(task, value, failed);
    }
    if (next === null) throw new Error("its wasm instance has ended, or made no answer");
    return next;
  } catch (error) {
    console.error(`tollgate: a request broke off: ${error}`);
    const body = failure.replace("$REQUEST_ID", crypto.randomUUID());
    return new Response(body, { status: 500, headers: { "content-type": "application/problem+json" } });
  }
}

/**
 * What is always read of a request, as lines. None of it can hold a line break. Here because five
 * getters are five crossings in Rust, and one text is one.
 */
export function head(request, headers) {
  const token = headers.get("authorization") ?? "";
  const type = headers.get("content-type") ?? "";
  return `${request.method}\n${request.url}\n${token}\n${type}\n${headers.get("content-length") ?? ""}`;
}

const TIMEOUT = 0;
const OVERLOADED = 1;
const UNREACHABLE = 2;

/**
 * Calls an object: its answer, or one of the numbers above. Never rejects, and takes no longer than
 * `milliseconds`. `call` is the object's name and the text, with a line break between them; a name
 * that the runtime does not tell the object stands behind what is `beside` the text. Here because
 * the stub, the call, its answer and the timer are six crossings and two closures in Rust.
 */
export function ask(namespace, call, milliseconds, beside = []) {
  // The timer is not cleared: that costs a tenth of a request, with which it ends anyway.
  return new Promise((resolve) => {
    setTimeout(resolve, milliseconds, TIMEOUT);
    begin(namespace, call, resolve, beside);
  });
}

/**
 * The same from within an object. Whatever is pending keeps an object in memory, and billed: a
 * timer that was not cleared, a call without an answer. So the timer is cleared, and the call is a
 * `fetch`, since only a `fetch` can be aborted. Here for the same reason as `ask`.
 */
export async function askFromObject(namespace, call, milliseconds) {
  const abort = new AbortController();
  const timer = setTimeout(() => abort.abort(), milliseconds);
  const end = call.indexOf("\n");
  try {
    const init = { method: "POST", body: call.slice(end + 1), signal: abort.signal };
    const answer = await namespace.getByName(call.slice(0, end)).fetch("https://object/", init);
    return told(await answer.text(), call);
  } catch (error) {
    return abort.signal.aborted ? TIMEOUT : failed(error);
  } finally {
    clearTimeout(timer);
  }
}

// The end of the answer of an object that cannot read the version of the call (crates/versions).
const OTHER_VERSION = " refused code=unavailable detail=otherVersion";

/**
 * An answer. Where the object could not read the call, with the call behind it, to be made again in
 * another version.
 */
function told(answer, call) {
  return typeof answer === "string" && answer.endsWith(OTHER_VERSION) ? `${answer}\n${call}` : answer;
}

function failed(error) {
  if (!error?.overloaded) console.warn(`tollgate: an object did not answer: ${error}`);
  return error?.overloaded ? OVERLOADED : UNREACHABLE;
}

// The longest name that the runtime tells an object of itself (`ctx.id.name`), in bytes. Names are
// ASCII.
const MAX_TOLD = 1_024;

function begin(namespace, call, resolve, beside) {
  const fail = (error) => resolve(failed(error));
  const end = call.indexOf("\n");
  const name = call.slice(0, end);
  const named = end > MAX_TOLD ? [...beside, name] : beside;
  try {
    namespace
      .getByName(name)
      .call(call.slice(end + 1), ...named)
      .then((answer) => resolve(told(answer, call)), fail);
  } catch (error) {
    fail(error);
  }
}

/**
 * Several calls of `ask` at once. `beside` says how much an object of Redis keys may use. Here
 * because all of them are one crossing and one promise.
 */
export function askAll(namespace, calls, milliseconds, ...beside) {
  return Promise.all(calls.map((call) => ask(namespace, call, milliseconds, beside)));
}

/** Several calls of `askFromObject` at once. Here for the same reason. */
export function askAllFromObject(namespace, calls, milliseconds) {
  return Promise.all(calls.map((call) => askFromObject(namespace, call, milliseconds)));
}

/**
 * A decision over known limits. `text` is RateLimit-Policy, RateLimit and the body, one line each.
 * Here because the runtime knows the names in a literal: names that are built at run time cost ten
 * microseconds a request.
 */
export function decided(status, text, limit, remaining, reset, retryAfter) {
  const first = text.indexOf("\n");
  const second = text.indexOf("\n", first + 1);
  const headers = {
    "Content-Type": "application/json",
    "RateLimit-Policy": text.slice(0, first),
    RateLimit: text.slice(first + 1, second),
    "X-RateLimit-Limit": limit,
    "X-RateLimit-Remaining": remaining,
    "X-RateLimit-Reset": reset,
  };
  if (retryAfter > 0) headers["Retry-After"] = retryAfter;
  return new Response(text.slice(second + 1), { status, headers });
}

/**
 * Any other answer; `lines` are `name: value` lines. Here because it is one crossing, and `Headers`
 * built in Rust are one for each name.
 */
export function answer(status, body, lines) {
  const headers = lines.split("\n").filter(Boolean);
  return new Response(body, { status, headers: headers.map((line) => line.split(/: (.*)/s, 2)) });
}

// A client that is still sending its body when the connection ends may find a broken pipe and never
// read the answer: workerd reads 64 KiB for a second after an answer, and then closes. So the rest
// of a body is read first, and dropped. The bytes are more than any client sends by mistake, and
// the time is enough for them on a slow line.
const MAX_DRAINED = 8 << 20;
const DRAIN_MS = 2_000;
const DRAIN_BUFFER = 1 << 16;
const LATE = Symbol("late");

/**
 * Reads a body of unknown length up to `most` bytes; undefined when it is longer. Here because each
 * chunk would be two crossings and a copy into wasm before the length is known.
 */
export async function readCounted(request, most) {
  const parts = [];
  let size = 0;
  const reader = request.body?.getReader();
  while (reader) {
    const { done, value } = await reader.read();
    if (done) break;
    size += value.byteLength;
    if (size > most) {
      parts.length = 0; // nothing is kept while the rest is dropped
      reader.releaseLock();
      await drop(request.body, size);
      return undefined;
    }
    parts.push(value);
  }
  return await new Blob(parts).arrayBuffer();
}

/**
 * The bytes of a buffer. Here because making the view, asking for its length and copying it are
 * five crossings in Rust; this is one, and one for the memory.
 */
export function bytesOf(buffer) {
  return new Uint8Array(buffer);
}

/**
 * Reads and drops a body that nobody has begun to read, within the bounds above; undefined where
 * there is none. Never rejects. Here because what is dropped need not enter wasm.
 */
export function drain(request) {
  return request.bodyUsed || request.body === null ? undefined : drop(request.body, 0);
}

/** Drops what is left of a body after `size` bytes, through one buffer. */
async function drop(body, size) {
  let timer;
  const late = new Promise((resolve) => {
    timer = setTimeout(resolve, DRAIN_MS, LATE);
  });
  try {
    const reader = body.getReader({ mode: "byob" });
    let view = new Uint8Array(DRAIN_BUFFER);
    for (let dropped = size; dropped <= MAX_DRAINED; ) {
      const read = await Promise.race([reader.read(view), late]);
      if (read === LATE || read.done) break;
      dropped += read.value.byteLength;
      view = new Uint8Array(read.value.buffer);
    }
  } catch {
    // The client has gone, and with it whoever would read the answer.
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Settles after so many milliseconds. Here because `setTimeout` from Rust needs a closure, which
 * stays in memory where the request is cancelled.
 */
export function later(milliseconds) {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

/**
 * Settles as a promise does, or rejects with undefined after so many milliseconds. Whoever begins
 * several of these awaits them one after the other, or drops the rest: a rejection that nobody
 * awaits yet is not logged. Here because Rust can neither race promises nor clear a timer without
 * closures, which stay in memory where the request is cancelled.
 */
export function within(promise, milliseconds) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(reject, milliseconds);
  });
  const outcome = Promise.race([promise, late]).finally(() => clearTimeout(timer));
  outcome.catch(() => {});
  return outcome;
}

/**
 * Resolves with true after so many milliseconds, or with false as soon as the client of the request
 * has gone away. Never rejects. Here because it is one promise of a timer and an event.
 */
export function turn({ signal }, milliseconds) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, milliseconds, true);
    const gone = () => {
      clearTimeout(timer);
      resolve(false);
    };
    if (signal?.aborted) gone();
    else signal?.addEventListener("abort", gone, { once: true });
  });
}

/**
 * Whether there is a native rate-limit binding of this name. Here because its name is known at run
 * time only, and reflection in Rust is a crossing for each step.
 */
export function hasBinding(env, name) {
  return typeof env[name]?.limit === "function";
}

/**
 * Whether a native rate-limit binding admits one more request for a key; undefined when it does not
 * answer. Never rejects. Here because it is one crossing and one promise.
 */
export async function askBinding(env, name, key, milliseconds) {
  try {
    return (await within(env[name].limit({ key }), milliseconds)).success;
  } catch (error) {
    console.warn(`tollgate: the binding ${name} did not answer${error ? `: ${error}` : " in time"}`);
  }
}

const formats = new Map();
// Zones come here by their own names, of which there are about 350: each is formatted by one of
// these, for everybody, at about 40 KB. More can only come from rows of a build that knows more
// zones; then the oldest goes, one at a time.
const MAX_FORMATS = 400;

function formatOf(zone) {
  const known = formats.get(zone);
  if (known) return known;
  const format = new Intl.DateTimeFormat("en-US", {
    timeZone: zone,
    hourCycle: "h23",
    year: "numeric",
    month: "numeric",
    day: "numeric",
    hour: "numeric",
    minute: "numeric",
    second: "numeric",
  });
  if (formats.size >= MAX_FORMATS) formats.delete(formats.keys().next().value);
  formats.set(zone, format);
  return format;
}

/**
 * Seconds that the clocks of `zone` are ahead of UTC at an instant in milliseconds; NaN when there
 * is no such zone. Here because only the runtime knows the zones, and the parts of a date are seven
 * objects that Rust would read one by one.
 */
export function zoneOffset(zone, milliseconds) {
  let format;
  try {
    format = formatOf(zone);
  } catch {
    return Number.NaN;
  }
  // Such as "11/27/2026, 02:30:00"; to have the parts named takes four times as long.
  const parts = format.format(milliseconds).match(/\d+/g).map(Number);
  const [month, day, year, hour, minute, second] = parts;
  return (Date.UTC(year, month - 1, day, hour, minute, second) - milliseconds) / 1000;
}
