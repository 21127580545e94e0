// Questions that a Worker can hand another one and that no JSON can be made of, or none that says
// the same: a test names one in place of an argument.

const check = { identifier: "odd", limit: 5, window: "1h" };

function circle() {
  const question = { ...check };
  question.itself = question;
  return question;
}

export const odd = {
  nothing: () => undefined,
  bigInt: () => ({ ...check, limit: 5n }),
  circle,
  function: () => () => check,
  "a toJSON of its own": () => ({ ...check, toJSON: () => check }),
  "a long text": () => "x".repeat(20_000_000),
  "a long list": () => Array.from({ length: 3_000_000 }, () => 1),
  "a long field": () => ({ ...check, identifier: "x".repeat(20_000_000) }),
  "half a pair": () => ({ identifier: "\ud800" }),
  "what is not said": () => ({ identifier: "odd", provider: undefined, scope: undefined, policy: undefined }),
  "a limit of its own": () => ({ limit: 5, window: "1h", provider: undefined, scope: undefined }),
};

/** The arguments of a call: those told, and the odd one in its place where one is named. */
export const argumentsOf = ({ args = [], odd: name, at = 0 }) =>
  name === undefined ? args : args.toSpliced(at, 0, odd[name]());
