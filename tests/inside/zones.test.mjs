// The names of time zones that the core lists, against the runtime that knows their clocks.

import { reset } from "cloudflare:test";
import { exports } from "cloudflare:workers";
import { afterAll, expect, test } from "vitest";
import list from "../../crates/core/src/limit/quota/zones.txt?raw";
import { zoneOffset } from "../../src/hot.js";

const QUARTER = 91 * 86_400_000;
const lines = list.trim().split("\n").slice(1);
const links = lines.map((line) => line.split(" ")).filter(([, own]) => own !== undefined);
const zones = lines.filter((line) => !line.includes(" "));

afterAll(() => reset());

async function ask(body) {
  const headers = { authorization: "Bearer test-check" };
  const request = new Request("https://tollgate/limit", { method: "POST", headers, body: JSON.stringify(body) });
  const answer = await exports.default.fetch(request);
  return [answer.status, await answer.json()];
}

test("the runtime knows every zone of the list by its own name", () => {
  expect(zones.length).toBeGreaterThan(300);
  const now = Date.UTC(2027, 0, 4);
  expect(zones.filter((zone) => !Number.isFinite(zoneOffset(zone, now)))).toEqual([]);
});

test("the clocks of every link are those of its zone", () => {
  const differs = ([name, own]) => {
    for (let at = Date.UTC(1970, 0, 1); at < Date.UTC(2037, 0, 1); at += QUARTER) {
      if (zoneOffset(name, at) !== zoneOffset(own, at)) return true;
    }
    return false;
  };
  expect(links.length).toBeGreaterThan(200);
  expect(links.filter(differs)).toEqual([]);
});

test("every name of a zone, in any case, is one quota", async () => {
  const quota = (place, timeZone) => {
    const identifier = `user ${Math.floor(place / 50)}`; // a subject has at most 64 limits
    return { identifier, algorithm: "quota", limit: 1, period: "year", timeZone };
  };
  const apart = [];
  for (const [place, zone] of zones.entries()) {
    const names = links.filter(([, own]) => own === zone).map(([name]) => name);
    const statuses = [];
    for (const name of [zone.toLowerCase(), zone.toUpperCase(), ...names]) {
      statuses.push((await ask(quota(place, name)))[0]);
    }
    if (statuses[0] !== 200 || statuses.slice(1).some((status) => status !== 429)) apart.push([zone, statuses]);
  }
  expect(apart).toEqual([]);
}, 60_000);

test("two names of one zone are one limit, which a request may not ask twice", async () => {
  const quota = (timeZone) => ({ algorithm: "quota", limit: 1, period: "year", timeZone });
  const limits = [quota("Asia/Calcutta"), quota("asia/kolkata")];
  expect(await ask({ identifier: "twice", limits })).toMatchObject([400, { code: "invalidField", field: "limits" }]);
});

test("a name that only the runtime knows is refused, and named where it stands", async () => {
  const limits = [{ algorithm: "quota", limit: 1, period: "year", timeZone: "SystemV/EST5" }];
  const error = { code: "unknownTimeZone", field: "limits[0].timeZone" };
  expect(await ask({ identifier: "other", limits })).toMatchObject([400, error]);
});
