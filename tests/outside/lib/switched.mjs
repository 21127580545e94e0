// Tollgate with lib/switched.js in front of its objects.

import { tollgate as describeTollgate } from "../../../scripts/lib/workerd.mjs";
import { server } from "./server.mjs";

/** A running server; `become(how)` makes its objects fail or work, `reached()` counts the calls since then. */
export async function switchedServer(texts = {}) {
  const real = { ...describeTollgate(), id: "real" };
  const between = {
    id: "between",
    modules: ["tests/outside/lib/switched.js"],
    objects: [
      { binding: "SELF", className: "RateLimitDO" },
      { binding: "REAL", className: "RateLimitDO", of: "real" },
    ],
  };
  const through = (object) => (object.className === "RateLimitDO" ? { ...object, of: "between" } : object);
  const change = (main) => ({ ...main, objects: main.objects.map(through) });
  const tollgate = await server({ variants: [real, between], change, texts });
  await tollgate.start();
  const control = (path, init) => fetch(tollgate.urlOf("between") + path, init).then((response) => response.text());
  return {
    ...tollgate,
    become: (how) => control(`/?how=${how}`, { method: "PUT" }),
    reached: async () => Number(await control("/")),
  };
}
