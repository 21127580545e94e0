// The entry of the Worker: what the runtime calls, handed on to Rust.
//
// A panic, a trap or an exception that nothing catches ends the wasm instance, and with it every
// request that was under way in it. The next event makes a new one, and an object that outlives its
// instance makes its Rust half anew, which loads its state from storage.

import { DurableObject, WorkerEntrypoint } from "cloudflare:workers";
import * as rust from "tollgate-worker"; // what wasm-bindgen made; scripts/build.mjs says where it lies

/** Kept by the `worker` crate: the number of the wasm instance, and whether it has ended. */
const instance = rust.__worker_init_state();
rust.noteItsEnd();

/** Makes a new wasm instance in place of one that has ended. */
function revive() {
  if (!instance.criticalError) return;
  console.warn("tollgate: a fault ended the wasm instance; this is a new one");
  rust.__wbg_reset_state();
  rust.noteItsEnd();
  instance.criticalError = false;
}

/**
 * Begins a task of Rust. One that ends the wasm instance before it first waits has the call throw
 * that began it: the answer to it is then that of the new instance.
 */
function begin(task) {
  try {
    revive();
    return task();
  } catch {
    revive();
    return rust.broken_off();
  }
}

export default {
  fetch(request, env, context) {
    return begin(() => rust.fetch(request, env, context));
  },
};

/** Stands for the request that a call has not: without headers, and nobody leaves. */
const NO_REQUEST = { headers: { get: () => undefined } };

/** An answer: a decision, what was asked for, or a problem, which is thrown. */
function read(answer) {
  if (answer instanceof Response) throw new Error("internal: a fault in the limiter ended the call");
  const end = answer.indexOf("\n");
  const body = JSON.parse(answer.slice(end + 1));
  if (body.code === undefined) return body;
  // The message alone is sure to arrive, the rest where the caller keeps properties of errors.
  const { code, detail, field, requestId } = body;
  throw Object.assign(new Error(`${code}: ${detail}`), {
    code,
    field,
    requestId,
    status: Number(answer.slice(0, end)),
  });
}

/**
 * More than the longest question or token that is read (`MAX_BODY` in src/http/body.rs): what is
 * longer is cut off here, refused there, and takes no memory of the wasm instance.
 */
const TOO_LONG = 65_537;

/** A question as JSON; `undefined` for what JSON cannot say, such as a BigInt or a circle. */
function textOf(question) {
  try {
    return JSON.stringify(question)?.slice(0, TOO_LONG);
  } catch {
    return undefined;
  }
}

/** A question with these fields set. One that is no object is left as it is, to be refused. */
function withFields(question, fields) {
  const isObject = typeof question === "object" && question !== null && !Array.isArray(question);
  return isObject ? { ...question, ...fields } : question;
}

// What is no text cannot be called from outside.
const asked = Symbol("asked");
const half = Symbol("half");
const closed = Symbol("closed");

/**
 * A class with the methods that are about one subject. Questions and answers are those of the API
 * in JSON. `[asked](method, path, question, token)` has one answered.
 */
const asks = (Class) =>
  class extends Class {
    limit(check, token) {
      return this[asked]("POST", "/limit", check, token);
    }

    peek(check, token) {
      return this[asked]("POST", "/limit", withFields(check, { peek: true }), token);
    }

    settle(permit, token) {
      return this[asked]("POST", "/limit/settle", permit, token);
    }

    topup(permit, token) {
      return this[asked]("POST", "/limit/topup", permit, token);
    }

    renew(permit, token) {
      return this[asked]("POST", "/limit/renew", permit, token);
    }

    release(permit, token) {
      return this[asked]("POST", "/limit/release", permit, token);
    }

    report(report, token) {
      return this[asked]("POST", "/limit/report", report, token);
    }

    block(subject, token) {
      return this[asked]("POST", "/limit/block", subject, token);
    }

    status(subject, token) {
      return this[asked]("GET", "/limit", subject, token);
    }

    reset(subject, token) {
      return this[asked]("DELETE", "/limit", subject, token);
    }
  };

/**
 * What other Workers call over a service binding with this entrypoint: `env.TOLLGATE.limit({…})`.
 * The last argument is a token, unless the binding's `props` say who calls.
 */
export class Tollgate extends asks(WorkerEntrypoint) {
  multi(checks, token) {
    const question = Array.isArray(checks) ? { limits: checks } : checks;
    return this[asked]("POST", "/limit/multi", question, token);
  }

  async [asked](method, path, question, token = "") {
    const props = token === "" && this.ctx.props !== undefined ? JSON.stringify(this.ctx.props) : "";
    const shown = typeof token === "string" ? token.slice(0, TOO_LONG) : undefined;
    const called = [method, path, textOf(question), shown, props, NO_REQUEST, this.env, this.ctx];
    return read(await begin(() => rust.rpc(...called)));
  }
}

/** The class of objects whose Rust halves are of the class `Half`. */
const objectClass = (Half) =>
  class extends DurableObject {
    #half;
    #number;
    #isClosing = false;

    // What stands beside the text is for those halves that look at it.
    call(...told) {
      const answer = this[half].call(...told);
      this[closed]();
      return answer;
    }

    // A task whose wasm instance has ended resolves with a response. Then the alarm has to ring
    // again, as it does after an exception.
    async alarm() {
      const rung = await this[half].ring();
      if (rung instanceof Response) throw new Error("the wasm instance ended while the alarm rang");
    }

    // The same for objects, which can break a `fetch` off. The body is awaited here: an instance
    // that ends meanwhile takes nothing with it.
    async fetch(request) {
      return new Response(await this.call(await request.text()));
    }

    get [half]() {
      revive();
      if (this.#number !== instance.instanceId) {
        this.#half = new Half(this.ctx, this.env);
        this.#number = instance.instanceId;
      }
      return this.#half;
    }

    /** Has rows closed that were written ahead, by one timer of at most a second. */
    [closed]() {
      if (!this.#isClosing) this.#closeLater();
    }

    #closeLater() {
      // Anew where the instance has ended that answered: nothing in that can be called any more.
      const wait = this[half].closes_in?.() ?? -1;
      this.#isClosing = wait >= 0;
      if (this.#isClosing) setTimeout(() => this.#close(), wait);
    }

    #close() {
      try {
        this[half].close();
        this.#closeLater();
      } catch (error) {
        this.#isClosing = false;
        console.warn(`tollgate: rows stay ahead of the real use: ${error}`);
      }
    }
  };

/**
 * The object of a subject. Workers that bind the class may also ask it itself, by its methods or by
 * a `fetch` of the API's paths: a question has to be about its subject. No token is asked for.
 */
export class RateLimitDO extends asks(objectClass(rust.RateLimitDO)) {
  fixedWindow(identifier, config) {
    return this.#bringing("fixedWindow", identifier, config);
  }

  slidingWindow(identifier, config) {
    return this.#bringing("slidingWindow", identifier, config);
  }

  tokenBucket(identifier, config) {
    return this.#bringing("tokenBucket", identifier, config);
  }

  async fetch(request) {
    const isMessage = request.method === "POST" && new URL(request.url).pathname === "/";
    if (isMessage) return super.fetch(request);
    try {
      return await begin(() => rust.fetch_object(this[half], request, this.env, this.ctx));
    } finally {
      this[closed]();
    }
  }

  async [asked](method, path, question) {
    try {
      const called = [method, path, textOf(question), NO_REQUEST, this.env, this.ctx];
      return read(await begin(() => rust.rpc_object(this[half], ...called)));
    } finally {
      this[closed]();
    }
  }

  /** A limit that the caller brings, of the subject with the provider and scope of this object. */
  #bringing(algorithm, identifier, config = {}) {
    const [provider, scope] = this[half].parts() ?? [];
    const { provider: otherProvider = provider, scope: otherScope = scope } = config ?? {};
    const fields = { provider: otherProvider, scope: otherScope, identifier, algorithm };
    return this.limit(withFields(config, fields));
  }
}

export const KeyspaceDO = objectClass(rust.KeyspaceDO);
export const DirectoryDO = objectClass(rust.DirectoryDO);
export const PolicyDO = objectClass(rust.PolicyDO);
export const RecordDO = objectClass(rust.RecordDO);
