// Tollgate with another Worker in front of its objects: lib/switched.js or lib/meeting.js.

import { tollgate as describeTollgate } from "../../../scripts/lib/workerd.mjs";
import { server } from "./server.mjs";

/** A Worker of this folder between a Worker and the objects of a class that `of` serves. */
export const workerBetween = (className, module, of = "real") => ({
  id: "between",
  modules: [`tests/outside/lib/${module}`],
  objects: [
    { binding: "SELF", className },
    { binding: "REAL", className, of },
  ],
});

/**
 * A running server; `become(how)` makes its objects fail or work, `reached()` counts the calls
 * since then.
 */
export async function switchedServer(texts = {}) {
  const { control, ...tollgate } = await serverBehind("switched.js", texts);
  return { ...tollgate, reached: async () => Number(await control("/")) };
}

/**
 * A running server whose calls of objects pass through a Worker of this folder, which `become` and
 * `control` talk to.
 */
export async function serverBehind(module, texts = {}) {
  const real = { ...describeTollgate(), id: "real" };
  const between = workerBetween("RateLimitDO", module);
  const through = (object) => (object.className === "RateLimitDO" ? { ...object, of: "between" } : object);
  const change = (main) => ({ ...main, objects: main.objects.map(through) });
  const tollgate = await server({ variants: [real, between], change, texts });
  await tollgate.start();
  const control = (path, init) => fetch(tollgate.urlOf("between") + path, init).then((response) => response.text());
  return { ...tollgate, control, become: (how) => control(`/?how=${how}`, { method: "PUT" }) };
}
