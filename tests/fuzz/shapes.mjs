// The description of the API as Schemathesis is given it. Answers have no other fields than those
// that are described. Questions are either `broad`, all that is described but for the conditions,
// which its generator knows little of; or `narrow`, such as mostly make sense, about few names, so
// that they meet each other.

import { answersOf, operationsOf, resolved } from "../../scripts/lib/openapi.mjs";

/** The description with `broad` or `narrow` questions. */
export function shaped(document, shape) {
  const paths = structuredClone(document.paths);
  for (const operation of operationsOf(document)) {
    const question = paths[operation.path][operation.method.toLowerCase()];
    question.responses = written(document, operation);
    // In the body or in the query, and not in both: broad questions are of either kind.
    if (shape === "narrow" && operation.operationId === "limit") question.parameters = [];
  }
  const schemas = { ...document.components.schemas, ...(shape === "narrow" ? narrow() : broad(document)) };
  return { ...document, paths, components: { ...document.components, schemas } };
}

/** Answers whose policies are whole: the questions have other ones. */
function written(document, operation) {
  const { Policy } = document.components.schemas;
  const answers = answersOf(document, operation);
  for (const { content } of Object.values(answers)) {
    for (const media of Object.values(content)) {
      const text = JSON.stringify(media.schema).replaceAll(
        '"#/components/schemas/Policy',
        '"#/components/schemas/WholePolicy',
      );
      media.schema = JSON.parse(text);
    }
  }
  document.components.schemas.WholePolicy ??= JSON.parse(
    JSON.stringify(Policy).replaceAll('"#/components/schemas/Policy', '"#/components/schemas/WholePolicy'),
  );
  return answers;
}

/** An object of these fields and no others. */
const object = (properties, required = Object.keys(properties)) => ({
  type: "object",
  additionalProperties: false,
  required,
  properties,
});

function broad(document) {
  const { schemas } = document.components;
  const { Policy } = schemas;
  const { policy, setting, duration, amount, rate } = Policy.$defs;
  const { limits, ...properties } = policy.properties;
  const ofLimit = Object.entries(properties).filter(([name]) => !setting.enum.includes(name));
  const list = { ...limits, items: object(Object.fromEntries(ofLimit), []) };
  const whole = object({ ...properties, limits: list }, []);
  const merged = (name) => {
    const { allOf, unevaluatedProperties, properties: own = {}, ...rest } = schemas[name];
    const all = allOf.flatMap((part) => Object.entries(resolved(document, part).properties));
    return { ...rest, ...object({ ...Object.fromEntries(all), ...own }, rest.required ?? []) };
  };
  return {
    Policy: { ...whole, $defs: { policy: whole, duration, amount, rate } },
    InlineLimits: { ...list, minItems: 1 },
    LimitRequest: merged("LimitRequest"),
    MultiRequest: { ...merged("MultiRequest"), properties: defaults(merged("MultiRequest").properties) },
    MultiEntry: merged("MultiEntry"),
    Report: merged("Report"),
  };
}

/** Fields beside entries: what no entry takes is not looked at, so that any value may be right. */
function defaults(properties) {
  const read = ["limits", "wait", "idempotencyKey", "operation"];
  return Object.fromEntries(Object.entries(properties).map(([name, it]) => [name, read.includes(name) ? it : {}]));
}

const text = (...words) => ({ enum: words });
const units = (most = 20) => ({ type: "integer", minimum: 0, maximum: most });
// What is used up comes back soon, what is stopped goes on soon, and what is held is held longer:
// else nearly all would be refused after a few seconds.
const most = { type: "integer", minimum: 3, maximum: 200 };
const length = text("1s", 1_500, "2 s", "10s");
const hold = text("10s", "1m", 90_000);
const rate = object({ amount: { type: "number", minimum: 0.01, maximum: 100 }, interval: length });
const who = {
  identifier: text("a", "b", "c", "ä/b c", "2001:db8::1"),
};
const where = { provider: text("p", "q"), scope: text("", "s") };

/** One limit of each algorithm. */
const LIMITS = [
  object({ algorithm: text("fixedWindow", "slidingWindow", "slidingLog"), limit: most, window: length }),
  object({ algorithm: text("fixedWindow"), limit: most, window: length, start: text("firstUse", "epoch") }),
  object({ algorithm: text("tokenBucket"), capacity: most, refill: rate, stepped: { type: "boolean" } }, [
    "algorithm",
    "capacity",
    "refill",
  ]),
  object({ algorithm: text("leakyBucket"), capacity: most, leak: rate, maxDelay: length }, [
    "algorithm",
    "capacity",
    "leak",
  ]),
  object({
    algorithm: text("quota"),
    limit: units(),
    period: text("minute", "day", "month"),
    timeZone: text("UTC", "Europe/Berlin"),
  }),
  object({ algorithm: text("concurrency"), limit: most, ttl: hold }),
];

/** What may be asked together. */
const ASKED = [
  {},
  { cost: { type: "integer", minimum: -5, maximum: 25 } },
  { cost: units(8), hold },
  { hold },
  { hold, onExpiry: text("keep", "giveBack") },
  { cost: units(30), hold, overage: text("cap", "debt") },
  { cost: units(8), peek: { const: true }, pressure: { const: true } },
  { idempotencyKey: text("k1", "k2", "k3") },
  { operation: text("o1", "o2"), cost: units(3) },
  { cost: units(5), maxDelay: length },
  { cost: units(3), wait: text(0, 20, "50ms") },
  { cost: units(30), overage: text("cap", "debt") },
  { cost: units(30), record: { const: true } },
];
const NAMES = text("child", "mail", "warming", "other");
/** Overrides, all of which end soon. */
const STOPS = {
  Stop: {},
  Bypass: {},
  Scale: { factor: text(0.5, 2) },
  Replace: { limits: { const: [{ limit: 100, window: "1s" }] } },
  Grant: { units: units() },
};

function narrow() {
  const named = ASKED.map((asked) => object({ ...who, policy: NAMES, ...asked }));
  const withLimit = (asked) =>
    LIMITS.map((it) =>
      object({ ...who, ...where, ...it.properties, ...asked }, [
        ...Object.keys(who),
        ...it.required,
        ...Object.keys(asked),
      ]),
    );
  const inline = ASKED.flatMap(withLimit);
  const several = object({
    ...who,
    limits: { type: "array", minItems: 1, maxItems: 3, items: { anyOf: LIMITS.map(ofName) } },
    cost: units(5),
  });
  const policies = object(
    {
      limits: { type: "array", minItems: 1, maxItems: 2, items: { anyOf: LIMITS.map(ofName) } },
      failMode: text("open", "closed", "share"),
      shadow: { type: "boolean" },
      overage: text("deny", "cap"),
      fallbackTo: { type: "array", minItems: 1, maxItems: 1, items: NAMES },
      parent: object({ policy: NAMES }),
      maxCoolDown: length,
      record: { const: { share: 1, days: 1 } },
    },
    ["limits"],
  );
  const extending = object({ extends: NAMES, failMode: text("open", "closed") });
  const $defs = { policy: policies, duration: length, amount: rate.properties.amount, rate };
  $defs.policy = { ...policies, properties: { ...policies.properties, maxDelay: length, maxTokens: units() } };
  return {
    Name: NAMES,
    IdentifierText: who.identifier,
    ProviderText: where.provider,
    ScopeText: text("s"),
    Policy: { anyOf: [policies, extending], $defs },
    InlineLimits: several.properties.limits,
    LimitRequest: { anyOf: [...named, ...inline, several] },
    MultiRequest: object({
      limits: {
        type: "array",
        minItems: 1,
        maxItems: 4,
        items: { anyOf: [...named, ...withLimit({ cost: units(3) })] },
      },
    }),
    Report: object({
      ...who,
      policy: NAMES,
      status: text(200, 429, 503),
      headers: object(
        {
          "Retry-After": text("0", "1", "soon"),
          "X-RateLimit-Remaining": text("0", "5"),
          "X-RateLimit-Reset": text("1", "2"),
        },
        [],
      ),
    }),
    Block: object({ identifier: text("blocked", "a"), duration: text(0, "1s") }),
    ...Object.fromEntries(
      Object.entries(STOPS).map(([name, fields]) => [name, object({ until: text("1s", "2s"), ...fields })]),
    ),
    NewStage: object({ policy: NAMES, paused: { type: "boolean" } }),
  };
}

/** A limit with a name of its own. */
function ofName(limit) {
  return object({ name: text("one", "two", "three"), ...limit.properties }, ["name", ...limit.required]);
}
