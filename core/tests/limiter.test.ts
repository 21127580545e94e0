// What the package promises beside the decisions themselves.

import { expect, test } from "vitest";
import { createLimiter, ManualClock, TollgateError } from "../dist/node.js";

const START = Date.parse("2026-01-01T00:00:00Z");
const minute = { limit: 2, window: "1m" } as const;

/** The error that a call throws. */
function thrown(call: () => unknown): TollgateError {
  try {
    call();
  } catch (error) {
    if (error instanceof TollgateError) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
}

test("an advertised wait is enough, and not a millisecond too long", () => {
  const limiter = createLimiter({ now: START });
  const ask = () => limiter.limit({ identifier: "u1", ...minute });
  expect([ask().success, ask().success]).toEqual([true, true]);
  const { retryAfter = 0, reason } = ask();
  expect(reason).toBe("limit");
  limiter.advance(retryAfter - 1);
  expect(ask().success).toBe(false);
  limiter.advance(1);
  expect(ask().success).toBe(true);
});

test("a peek says what the question would be answered, and changes nothing", () => {
  const limiter = createLimiter({ now: START });
  const question = { identifier: "u1", ...minute };
  const before = limiter.peek(question);
  expect(before).toMatchObject({ success: true, remaining: 2 });
  expect(limiter.peek(question)).toEqual(before);
  expect(limiter.subjects).toBe(0);
  expect(limiter.peek({ ...question, cost: 3 })).toMatchObject({ success: false, reason: "costExceedsCapacity" });
});

test("subjects share nothing", () => {
  const limiter = createLimiter({ now: START });
  const ask = (about: { identifier: string; provider?: string; scope?: string }) =>
    limiter.limit({ ...about, limit: 1, window: "1m" }).success;
  expect(ask({ identifier: "a" })).toBe(true);
  expect(ask({ identifier: "b" })).toBe(true);
  expect(ask({ identifier: "a", provider: "p" })).toBe(true);
  expect(ask({ identifier: "a", provider: "p", scope: "s" })).toBe(true);
  expect(ask({ identifier: "a" })).toBe(false);
});

test("limiters share nothing", () => {
  const [one, other] = [createLimiter({ now: START }), createLimiter({ now: START })];
  one.limit({ identifier: "u1", limit: 1, window: "1m" });
  expect(other.limit({ identifier: "u1", limit: 1, window: "1m" }).success).toBe(true);
});

test("errors are those of the HTTP API: code, field, and a sentence", () => {
  const limiter = createLimiter({ now: START });
  const ask = (more: object) => thrown(() => limiter.limit({ identifier: "u1", ...minute, ...more }));
  expect(ask({ limit: "2" })).toMatchObject({ code: "invalidField", field: "limit" });
  expect(ask({ limit: "2" }).message).toBe("`limit` must be a whole number.");
  expect(ask({ colour: "red" })).toMatchObject({ code: "invalidField", field: "colour" });
  expect(ask({ cost: Number.NaN })).toMatchObject({ code: "invalidField", field: "cost" });
  expect(ask({ cost: 2 ** 53 + 2 })).toMatchObject({ code: "invalidField", field: "cost" });
  expect(ask({ identifier: "x".repeat(1_025) })).toMatchObject({ code: "invalidField", field: "identifier" });
  expect(ask({ priority: "x".repeat(70_000) })).toMatchObject({ code: "bodyTooLarge" });
  expect(thrown(() => limiter.limit({ identifier: "u1", policy: "none" }))).toMatchObject({
    code: "unknownPolicy",
    field: "policy",
  });
  expect(thrown(() => limiter.limit(undefined as never))).toMatchObject({ code: "invalidField", field: "body" });
  expect(thrown(() => limiter.release("p1.nothing"))).toMatchObject({ code: "unknownPermit", field: "permit" });
  expect(limiter.subjects).toBe(0);
});

test("who is asked about, and which policy is meant, has to be said in texts", () => {
  const limiter = createLimiter({ now: START });
  limiter.limit({ identifier: "5", ...minute });
  const wrong: [object, string][] = [
    [{ identifier: 5 }, "identifier"],
    [{ identifier: "5", scope: null }, "scope"],
    [{ identifier: "\ud800" }, "identifier"],
    [{ identifier: "5", colour: "red" }, "colour"],
  ];
  for (const [subject, field] of wrong) {
    expect(thrown(() => limiter.status(subject as never))).toMatchObject({ code: "invalidField", field });
    expect(thrown(() => limiter.reset(subject as never))).toMatchObject({ code: "invalidField", field });
  }
  for (const name of [5, true, null, {}, { length: 100 }]) {
    const put = thrown(() => limiter.setPolicy(name as never, minute));
    expect([put.code, put.field]).toEqual(["invalidField", "name"]);
    expect(thrown(() => limiter.deletePolicy(name as never))).toMatchObject({ code: "invalidField", field: "name" });
  }
  const { limits } = limiter.status({ identifier: "5", scope: undefined } as never);
  expect(limits).toMatchObject([{ used: 1 }]);
});

test("what only a server decides is an error that says so, and charges nothing", () => {
  const base = { limit: 5, window: "1h" };
  const policies = {
    top: base,
    child: { ...base, parent: { policy: "top" } },
    falls: { ...base, fallbackTo: ["top"] },
    native: { limit: 3, window: "1m", consistency: "local" },
    shed: { ...base, shed: { limit: 3, window: "1m" } },
    quiet: { ...base, shadow: true },
  };
  const limiter = createLimiter({ now: START, policies });
  const field = (call: () => unknown) => {
    const { code, field, message } = thrown(call);
    expect(code).toBe("invalidField");
    expect(message).toContain("is not supported yet: ");
    return field;
  };
  const ask = (policy: string) => () => limiter.limit({ identifier: "u1", policy });
  expect(field(ask("child"))).toBe("policy.parent");
  expect(field(ask("falls"))).toBe("policy.fallbackTo");
  expect(field(ask("native"))).toBe("policy.consistency");
  expect(field(ask("shed"))).toBe("policy.shed");
  const inline = { identifier: "u1", limit: 5, window: "1h" } as const;
  expect(field(() => limiter.limit({ ...inline, consistency: "eventual" }))).toBe("consistency");
  expect(field(() => limiter.limit({ ...inline, wait: "1s" }))).toBe("wait");
  expect(field(() => limiter.multi([inline, { identifier: "u2", policy: "child" }]))).toBe("policy.parent");
  expect(field(() => limiter.multi([inline, { identifier: "u2", policy: "quiet" }]))).toBe("limits[1].policy.shadow");
  const held = { ...inline, hold: "1m" } as const;
  expect(field(() => limiter.multi([held, { ...held, identifier: "u2" }]))).toBe("limits[0].hold");
  const late = { ...inline, maxDelay: "1m" } as const;
  expect(field(() => limiter.multi([inline, { ...late, identifier: "u2" }]))).toBe("limits[1].maxDelay");
  expect(limiter.subjects).toBe(0);
});

test("the options are looked at, and the wrong one is named", () => {
  const field = (options: object) => thrown(() => createLimiter(options)).field;
  expect(field({ now: -1 })).toBe("now");
  expect(field({ now: 0.5 })).toBe("now");
  expect(field({ now: new Date("no date") })).toBe("now");
  expect(field({ maxSubjects: 0 })).toBe("maxSubjects");
  expect(field({ maxSubjects: 1_000_001 })).toBe("maxSubjects");
  expect(field({ seed: "x".repeat(1_025) })).toBe("seed");
  expect(field({ policies: { mail: { limit: 5 } } })).toBe("policies.mail.window");
  expect(field({ policies: { "no name": minute } })).toBe("policies.no name.name");
  expect(field({ policies: { a: { ...minute, extends: "b" } } })).toBe("policies.a.extends");
  const limiter = createLimiter({ now: START });
  expect(thrown(() => limiter.advance(-1))).toMatchObject({ code: "invalidField", field: "time" });
  expect(thrown(() => limiter.advance("1y" as never))).toMatchObject({ code: "invalidField", field: "time" });
  expect(thrown(() => createLimiter().advance("1s"))).toMatchObject({ code: "invalidField", field: "now" });
});

test("policies may stand on each other, in any order", () => {
  const policies = {
    a: { extends: "b", description: "the lowest" },
    b: { extends: "c", failMode: "closed" },
    c: { limits: [{ name: "hour", algorithm: "fixedWindow", limit: 3, window: "1h" }] },
  };
  const limiter = createLimiter({ now: START, policies });
  expect(limiter.limit({ identifier: "u1", policy: "a" })).toMatchObject({
    success: true,
    policy: "a",
    version: 1,
    limit: 3,
    remaining: 2,
    source: "object",
  });
});

test("a policy can be changed while it is used: what was used stays, its version rises", () => {
  const limiter = createLimiter({
    now: START,
    policies: { mail: { algorithm: "fixedWindow", limit: 3, window: "1h" } },
  });
  const ask = () => limiter.limit({ identifier: "u1", policy: "mail" });
  expect([ask().remaining, ask().remaining]).toEqual([2, 1]);
  expect(limiter.setPolicy("mail", { algorithm: "fixedWindow", limit: 10, window: "1h" })).toBe(2);
  expect(ask()).toMatchObject({ remaining: 7, version: 2 });
  limiter.deletePolicy("mail");
  expect(thrown(ask).code).toBe("unknownPolicy");
});

test("a shadow decides beside, and refuses nobody", () => {
  const limiter = createLimiter({ now: START, policies: { mail: { limit: 1, window: "1h", shadow: true } } });
  const ask = () => limiter.limit({ identifier: "u1", policy: "mail" });
  expect(ask()).toMatchObject({ success: true, shadow: true });
  expect(ask()).toMatchObject({ success: true, shadow: true, wouldDeny: { policy: "mail", reason: "limit" } });
});

test("a quota turns with the calendar of its zone, through the change to summer time", () => {
  // On 29 March 2026 the clocks of Berlin go from 02:00 to 03:00: the day has 23 hours.
  const limiter = createLimiter({ now: Date.parse("2026-03-28T23:00:00Z") });
  const daily = { algorithm: "quota", limit: 1, period: "day", timeZone: "Europe/Berlin" } as const;
  const ask = () => limiter.limit({ identifier: "u1", ...daily });
  expect(ask()).toMatchObject({ success: true, reset: Date.parse("2026-03-29T22:00:00Z") });
  limiter.advance(23 * 3_600_000 - 1);
  expect(ask()).toMatchObject({ success: false, retryAfter: 1 });
  limiter.advance(1);
  expect(ask().success).toBe(true);
  const unknown = { ...daily, timeZone: "Europe/Atlantis" };
  expect(thrown(() => limiter.limit({ identifier: "u2", ...unknown }))).toMatchObject({ code: "unknownTimeZone" });
});

test("the same seed gives the same permits", () => {
  const permits = (seed: string) => {
    const limiter = createLimiter({ now: START, seed });
    const slots = { identifier: "u1", algorithm: "concurrency", limit: 5, ttl: "1m" } as const;
    return [limiter.limit(slots).permit, limiter.limit(slots).permit];
  };
  const [first, second] = permits("a");
  expect(first).toMatch(/^p1\.[0-9a-f]{32}\./);
  expect(first).not.toBe(second);
  expect(permits("a")).toEqual([first, second]);
  expect(permits("b")[0]).not.toBe(first);
});

test("a permit is held, renewed, topped up and settled", () => {
  const limiter = createLimiter({ now: START });
  const tokens = { identifier: "acme", algorithm: "fixedWindow", limit: 100, window: "1h" } as const;
  const { permit = "", expires } = limiter.limit({ ...tokens, cost: 40, hold: "1m" });
  expect(expires).toBe(START + 60_000);
  limiter.advance("30s");
  expect(limiter.renew(permit, "1m")).toMatchObject({ success: true, expires: START + 90_000 });
  expect(limiter.topup(permit, { cost: 60 })).toMatchObject({ success: true, cost: 60 });
  expect(limiter.topup(permit, { cost: 101 })).toMatchObject({ success: false });
  expect(limiter.peek({ ...tokens, cost: 0 }).remaining).toBe(40);
  expect(limiter.settle(permit, { cost: 25 })).toMatchObject({ success: true, state: "settled" });
  expect(limiter.peek({ ...tokens, cost: 0 }).remaining).toBe(75);
  expect(thrown(() => limiter.settle(permit, { cost: 26 }))).toMatchObject({ code: "permitEnded" });
});

test("a slot is free again when it is released, and when its time is over", () => {
  const limiter = createLimiter({ now: START });
  const one = { identifier: "acme", algorithm: "concurrency", limit: 1, ttl: "1m" } as const;
  const { permit = "" } = limiter.limit(one);
  expect(limiter.limit(one).success).toBe(false);
  limiter.release(permit);
  expect(limiter.limit(one).success).toBe(true);
  limiter.advance("1m");
  expect(limiter.limit(one).success).toBe(true);
});

test("several questions are admitted all or none", () => {
  const limiter = createLimiter({ now: START });
  const of = (identifier: string, limit: number) => ({ identifier, limit, window: "1m" }) as const;
  const both = () => limiter.multi([of("a", 1), of("b", 5)]);
  expect(both()).toMatchObject({ success: true, results: [{ remaining: 0 }, { remaining: 4 }] });
  const refused = both();
  expect(refused).toMatchObject({ success: false, results: [{ success: false }, { success: true }] });
  expect(refused.retryAfter).toBe(refused.results[0]?.retryAfter);
  expect(limiter.peek({ ...of("b", 5), cost: 0 }).remaining).toBe(4);
});

test("a report of a refusal stops all callers until it is over", () => {
  const limiter = createLimiter({ now: START, policies: { github: { limit: 100, window: "1h" } } });
  const told = { policy: "github", identifier: "u1", status: 429, headers: new Headers({ "retry-after": "60" }) };
  expect(limiter.report(told)).toMatchObject({ refused: true, waitUntil: START + 60_000 });
  const ask = () => limiter.limit({ policy: "github", identifier: "u1" });
  expect(ask()).toMatchObject({ success: false, reason: "coolDown", retryAfter: 60_000 });
  limiter.advance("1m");
  expect(ask().success).toBe(true);
});

test("a subject is shown, blocked and reset", () => {
  const limiter = createLimiter({ now: START });
  const subject = { provider: "p", scope: "s/ö", identifier: "a&b=c" };
  const ask = () => limiter.limit({ ...subject, ...minute });
  ask();
  expect(limiter.status(subject)).toMatchObject({ subject, limits: [{ used: 1, remaining: 1 }], overrides: [] });
  limiter.block(subject, "5m", "abuse");
  expect(ask()).toMatchObject({ success: false, reason: "blocked", retryAfter: 300_000 });
  expect(limiter.status(subject).recentDenials).toHaveLength(1);
  limiter.block(subject, 0);
  limiter.reset(subject);
  expect(limiter.status(subject).limits).toEqual([]);
  expect(ask()).toMatchObject({ success: true, remaining: 1 });
});

test("a request that comes again is answered as before, as long as its key is known", () => {
  const limiter = createLimiter({ now: START });
  const ask = (idempotencyKey: string) => limiter.limit({ identifier: "u1", limit: 9, window: "1d", idempotencyKey });
  expect(ask("a")).toMatchObject({ remaining: 8 });
  expect(ask("a")).toMatchObject({ remaining: 8, repeated: true });
  // More than a subject keeps in its memory: the others are looked up.
  const cheap = (i: number) => limiter.limit({ identifier: "u1", limit: 9_999, window: "1h", idempotencyKey: `k${i}` });
  for (let i = 0; i < 300; i++) expect(cheap(i).repeated).toBeUndefined();
  for (let i = 0; i < 300; i++) expect(cheap(i).repeated).toBe(true);
  expect(ask("a")).toMatchObject({ remaining: 8, repeated: true });
  limiter.advance("61s");
  expect(ask("a")).toMatchObject({ remaining: 7 });
  expect(thrown(() => limiter.limit({ identifier: "u1", limit: 8, window: "1d", idempotencyKey: "a" }))).toMatchObject({
    code: "idempotencyKeyReused",
  });
});

test("idle subjects are dropped, and the most is an error and no forgotten use", () => {
  const limiter = createLimiter({ now: START, maxSubjects: 3 });
  const ask = (identifier: string) => limiter.limit({ identifier, ...minute });
  for (const identifier of ["a", "b", "c"]) ask(identifier);
  expect(limiter.subjects).toBe(3);
  expect(thrown(() => ask("d"))).toMatchObject({ code: "tooManySubjects", field: "identifier" });
  // Nobody is forgotten for it, and whoever is known is decided.
  expect(ask("a")).toMatchObject({ remaining: 0 });
  const both = () =>
    limiter.multi([
      { identifier: "c", ...minute },
      { identifier: "d", ...minute },
    ]);
  expect(thrown(both).code).toBe("tooManySubjects");
  expect(limiter.peek({ identifier: "c", ...minute, cost: 0 }).remaining).toBe(1);
  // Where there is no room, those who are idle go before their alarm.
  limiter.advance("2m");
  expect(ask("d").success).toBe(true);
  limiter.advance("1h");
  expect(limiter.subjects).toBe(0);
});

test("a subject with rows of keys alone is dropped, too", () => {
  const limiter = createLimiter({ now: START });
  limiter.limit({ identifier: "u1", ...minute, idempotencyKey: "k" });
  limiter.limit({ identifier: "u2", ...minute, cost: 3 }); // refused: nothing but a denial is known
  expect(limiter.subjects).toBe(2);
  limiter.advance("1d");
  expect(limiter.subjects).toBe(0);
});

test("a clock of the caller is read once a call; without one the time is as it is", () => {
  let reads = 0;
  const clock = { now: () => START + reads++, sleep: async () => {} };
  const limiter = createLimiter({ now: clock });
  limiter.limit({ identifier: "u1", ...minute });
  expect(reads).toBe(1);
  const real = createLimiter();
  expect(Math.abs(real.now - Date.now())).toBeLessThan(1_000);
  expect(thrown(() => createLimiter({ now: { now: () => 0.5, sleep: async () => {} } }).now).field).toBe("now");
});

test("time that steps back gives nothing back", () => {
  const clock = new (class extends ManualClock {
    back = 0;
    override now() {
      return super.now() - this.back;
    }
  })(START);
  const limiter = createLimiter({ now: { now: () => clock.now(), sleep: (time) => clock.sleep(time) } });
  const ask = () => limiter.limit({ identifier: "u1", algorithm: "fixedWindow", limit: 1, window: "1m" }).success;
  expect(ask()).toBe(true);
  clock.back = 3_600_000;
  expect(ask()).toBe(false);
});
