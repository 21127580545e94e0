// Put in front of a build's script, in which `async` and `await` are written out as promises:
// counts what it asks of the wasm and is asked by it, and the promises. `globalThis.counted` has
// the sums.

const counted = {};
globalThis.counted = counted;

function count(what, name) {
  counted[what] = (counted[what] ?? 0) + 1;
  if (name !== undefined) counted[`${what}: ${name}`] = (counted[`${what}: ${name}`] ?? 0) + 1;
}

function counting(what, functions) {
  const wrapped = ([name, value]) => {
    if (typeof value !== "function") return [name, value];
    const through = (...given) => {
      count(what, name);
      return value(...given);
    };
    return [name, through];
  };
  return Object.fromEntries(Object.entries(functions).map(wrapped));
}

const { Instance } = WebAssembly;
WebAssembly.Instance = function Counted(module, imports) {
  const from = Object.entries(imports).map(([name, functions]) => [name, counting("imported", functions)]);
  return { exports: counting("exported", new Instance(module, Object.fromEntries(from)).exports) };
};

// Each text that leaves the wasm is decoded once.
const { decode } = TextDecoder.prototype;
TextDecoder.prototype.decode = function counting(...given) {
  if (given.length > 0) count("texts out");
  return decode.apply(this, given);
};

const Native = Promise;
const ours = new WeakSet();

/** Counts a promise that is first met here: the runtime has made it. */
function meet(promise) {
  if (promise instanceof Native && !ours.has(promise)) {
    ours.add(promise);
    count("promises of the runtime");
  }
}

const { then } = Native.prototype;
// biome-ignore lint/suspicious/noThenProperty: it is what is counted
Native.prototype.then = function counting(...given) {
  meet(this);
  const next = then.apply(this, given);
  ours.add(next);
  count("promises awaited");
  return next;
};

globalThis.Promise = class CountedPromise extends Native {
  static get [Symbol.species]() {
    return Native;
  }
  // As `await` has it: a promise stays the one that it is.
  static resolve(value) {
    return value instanceof Native ? value : new CountedPromise((done) => done(value));
  }
  constructor(executor) {
    super(executor);
    ours.add(this);
    count("promises made");
  }
};
