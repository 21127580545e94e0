// The entry of the Worker: what the runtime calls, handed on to Rust. start.rs is its other half.
//
// A panic ends the wasm instance, and with it every request that was under way in it. The next event makes a new one, and
// an object that outlives its instance makes its Rust half anew, which loads its state from storage.

import { DurableObject } from "cloudflare:workers";
import * as rust from "tollgate"; // what wasm-bindgen made; scripts/build.mjs says where it lies

/** Shared with start.rs: the number of the present wasm instance, and whether a panic has ended it. */
const instance = globalThis.__tollgateInstance;

/** Makes a new wasm instance in place of one that has ended. */
function revive() {
  if (!instance.ended) return;
  console.warn("tollgate: a panic ended the wasm instance; this is a new one");
  rust.__wbg_reset_state(); // runs start.rs again
}

export default {
  fetch(request, env, context) {
    revive();
    return rust.fetch(request, env, context);
  },
};

/** The class of objects whose Rust halves are of the class `Half`: it answers one text with another, and some set an alarm. */
const objectClass = (Half) =>
  class extends DurableObject {
    #half;
    #number;

    call(text) {
      return this.#alive().call(text);
    }

    alarm() {
      return this.#alive().alarm();
    }

    #alive() {
      revive();
      if (this.#number !== instance.number) {
        this.#half = new Half(this.ctx, this.env);
        this.#number = instance.number;
      }
      return this.#half;
    }
  };

export const RateLimitDO = objectClass(rust.RateLimitDO);
export const KeyspaceDO = objectClass(rust.KeyspaceDO);
export const DirectoryDO = objectClass(rust.DirectoryDO);
