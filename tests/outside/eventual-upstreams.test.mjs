// What an upstream said of a policy that isolates count through KV: reported to one of two
// isolates, two Workers of one build that share one KV and their objects.

import { readFileSync } from "node:fs";
import { afterAll, beforeAll, expect, test } from "vitest";
import { tollgate as describeTollgate } from "../../scripts/lib/workerd.mjs";
import { call, server } from "./lib/server.mjs";

const TOKENS = { name: "TOLLGATE_TOKENS", text: readFileSync("tests/fixtures/tokens.json", "utf8") };
// An isolate reads within ten seconds what is in KV, plus a little for a busy machine.
const PATIENCE_MS = 15_000;
const HOURLY = [{ name: "hour", algorithm: "fixedWindow", limit: 1000, window: "1h" }];

let tollgate;
const on = (id) => async (method, path, body) => {
  const answer = await call(tollgate.urlOf(id), method, path, body);
  return { status: answer.status, ...answer.json };
};
const [first, second] = [on("T"), on("S")];
beforeAll(async () => {
  const other = describeTollgate({ id: "S", texts: [TOKENS] });
  const objects = other.objects.map((object) => ({ ...object, of: "T" }));
  tollgate = await server({ variants: [{ ...other, objects }] });
  await tollgate.start();
});
afterAll(() => tollgate?.remove());

let made = 0;
/** A policy of this name that both isolates know, and the ways to ask and to report. */
async function upstream(rest = {}) {
  const policy = `upstream${made++}`;
  const put = await first("PUT", `/policies/${policy}`, {
    limits: HOURLY,
    consistency: "eventual",
    ...rest,
  });
  expect(put.status).toBe(201);
  const subject = { policy, identifier: "octocat" };
  const ask = (isolate) => isolate("POST", "/limit", subject);
  await until(
    () => ask(second),
    ({ status }) => status === 200,
  );
  return {
    subject,
    ask,
    report: (isolate, status, headers = {}) => isolate("POST", "/limit/report", { ...subject, status, headers }),
    shown: (isolate) => isolate("GET", `/limit?policy=${policy}&identifier=octocat`),
    reset: (isolate) => isolate("DELETE", `/limit?policy=${policy}&identifier=octocat`),
  };
}

/** Asks until `accept` takes the answer; the answer. */
async function until(ask, accept, patience = PATIENCE_MS) {
  const end = Date.now() + patience;
  for (;;) {
    const answer = await ask();
    if (accept(answer)) return answer;
    if (Date.now() > end) throw new Error(`still ${JSON.stringify(answer)}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

test("a gate that one isolate was told of is closed in both, and opened in both", async () => {
  const { ask, report, shown, reset } = await upstream();
  expect(await ask(first)).toMatchObject({ success: true, source: "kv" });
  const told = { "Retry-After": "600", "X-RateLimit-Limit": "1000", "X-RateLimit-Remaining": "0" };
  const done = await report(first, 429, { ...told, "X-RateLimit-Reset": "600" });
  expect(done).toMatchObject({ status: 200, refused: true, closedBy: "told" });
  expect(done.limits).toEqual([{ limit: 1000, remaining: 0, reset: expect.any(Number), ignored: "eventual" }]);
  const shut = await ask(first);
  expect(shut).toMatchObject({ status: 429, success: false, reason: "coolDown", source: "kv" });
  expect(shut.retryAfter).toBeGreaterThan(590_000);
  expect(shut.retryAfter).toBeLessThanOrEqual(600_000);
  await until(
    () => ask(second),
    ({ reason }) => reason === "coolDown",
  );
  expect((await shown(second)).outlooks).toMatchObject([{ closedBy: "told" }]);
  expect(await reset(second)).toMatchObject({ success: true });
  expect(await ask(second)).toMatchObject({ success: true });
  await until(
    () => ask(first),
    ({ success }) => success,
  );
});

test("a gate that KV did not take is told when it is back", async () => {
  const { ask, report } = await upstream();
  await tollgate.kv({ fails: true });
  expect(await report(first, 429, { "Retry-After": "600" })).toMatchObject({ status: 200 });
  expect(await ask(first)).toMatchObject({ reason: "coolDown" });
  await new Promise((resolve) => setTimeout(resolve, 2_500));
  expect(await ask(second)).toMatchObject({ success: true });
  await tollgate.kv({});
  await until(
    async () => {
      await ask(first);
      return ask(second);
    },
    ({ reason }) => reason === "coolDown",
    60_000, // after a failure both take longer
  );
});

test("an open breaker is known in both, and an answer from after it closes it", async () => {
  const breaker = { threshold: 3, window: "1m", open: "14s" };
  const { ask, report, shown } = await upstream({ breaker });
  for (let i = 0; i < 3; i++) expect((await ask(first)).success).toBe(true);
  for (let i = 0; i < 3; i++) expect((await report(first, 503)).status).toBe(200);
  expect(await ask(first)).toMatchObject({ reason: "breaker", status: 429 });
  await until(
    () => ask(second),
    ({ reason }) => reason === "breaker",
  );
  await until(
    () => ask(second),
    ({ success }) => success,
  );
  expect((await shown(first)).outlooks).toMatchObject([{ breaker: { state: "halfOpen" } }]);
  expect((await report(second, 200)).status).toBe(200);
  expect((await shown(first)).outlooks ?? []).toEqual([]);
});

test("inline limits have one gate a subject, and a native binding hears of none", async () => {
  const subject = { identifier: "inline", ...HOURLY[0], name: undefined, consistency: "eventual" };
  const done = await first("POST", "/limit/report", { ...subject, status: 429, headers: { "Retry-After": "60" } });
  expect(done).toMatchObject({ status: 200, closedBy: "told" });
  expect(await first("POST", "/limit", subject)).toMatchObject({ reason: "coolDown" });
  const local = { identifier: "inline", algorithm: "fixedWindow", limit: 100, window: "1m", consistency: "local" };
  const refused = await first("POST", "/limit/report", { ...local, status: 429, headers: {} });
  expect(refused.status).toBe(400);
  expect(refused.detail).toContain("native bindings");
});
