// What is asked: one process of raw workerd that serves Tollgate as two isolates, T and S, which
// share their objects and KV, and as a third one, F, whose objects of subjects are broken.

import { isAbsolute, join, relative } from "node:path";
import { root } from "../lib/process.mjs";
import { prepare, start, tollgate } from "../lib/workerd.mjs";

export const TOKEN = "soak-admin";
const TOKENS = JSON.stringify([{ token: TOKEN, role: "admin", namespace: "default" }]);
/**
 * A busy machine is not what is tested: without an answer in so long, a request ends the soak as an
 * error.
 */
const DEADLINE_MS = "5000";
/** A change of a policy holds everywhere after so long. */
const POLICIES_MS = 5_100;

const window = (limit, scope, rest) => ({
  limits: [{ algorithm: "fixedWindow", limit, window: "1s" }],
  provider: "soak",
  scope,
  failMode: "closed",
  ...rest,
});

/** By name, those above before those below. */
const POLICIES = {
  "soak.tenant": window(40, "tenant"),
  "soak.queue": window(15, "queue", { parent: { policy: "soak.tenant", identifier: "{prefix}" } }),
};

/**
 * Starts it. `urls` by Worker; `through` is a module of a Worker in front of T and S, and `serves`
 * learns the process.
 */
export async function world(directory, { through, serves }) {
  const texts = [
    { name: "TOLLGATE_TOKENS", text: TOKENS },
    { name: "TOLLGATE_DEADLINE_MS", text: DEADLINE_MS },
  ];
  const services = [{ binding: "LOCAL_20_10", of: "binding" }];
  const main = { ...tollgate({ texts }), services };
  const served = (id, isElsewhere, of) => ({
    ...main,
    id,
    objects: main.objects.map((object) => (isElsewhere(object) ? { ...object, of } : object)),
  });
  const front = (id) => ({
    id: `via${id}`,
    modules: [isAbsolute(through) ? relative(root, through) : through],
    objects: [],
    services: [{ binding: "NEXT", of: id }],
  });
  const variants = [
    main,
    served("S", () => true, "T"),
    served("F", ({ className }) => className === "RateLimitDO", "broken"),
    {
      id: "broken",
      modules: ["scripts/soak/broken.js"],
      objects: [{ binding: "SELF", className: "RateLimitDO" }],
    },
    { id: "binding", modules: ["scripts/soak/binding.js"], objects: [] },
    ...(through ? [front("T"), front("S")] : []),
  ];
  const server = await start(await prepare(variants, directory));
  serves(server.pid);
  const url = (id) => `http://127.0.0.1:${server.ports[through && id !== "F" ? `via${id}` : id]}`;
  const urls = { T: url("T"), S: url("S"), F: url("F") };
  await makePolicies(`http://127.0.0.1:${server.ports.T}`);
  return { ...server, urls, storage: ["T", "S", "F"].map((id) => join(directory, `storage-${id}`)) };
}

async function makePolicies(url) {
  for (const [name, policy] of Object.entries(POLICIES)) {
    const answer = await fetch(`${url}/policies/${name}`, {
      method: "PUT",
      headers: { authorization: `Bearer ${TOKEN}` },
      body: JSON.stringify(policy),
    });
    if (!answer.ok) throw new Error(`policy ${name} was not made: ${answer.status} ${await answer.text()}`);
  }
  await new Promise((resolve) => setTimeout(resolve, POLICIES_MS));
}

/** How many subjects the directory lists; undefined when it cannot say. */
export async function subjectsLeft({ urls }) {
  const answer = await fetch(`${urls.T}/subjects`, { headers: { authorization: `Bearer ${TOKEN}` } });
  if (!answer.ok) return undefined;
  const { subjects, next } = await answer.json();
  return subjects.length + (next ? 1 : 0);
}
