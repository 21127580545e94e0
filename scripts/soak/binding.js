// A native rate-limit binding for raw workerd, which has none of its own: it counts for each key in
// windows of ten seconds that are aligned to the epoch, as wrangler's simulation of bindings does.

import { WorkerEntrypoint } from "cloudflare:workers";

const LIMIT = 20;
const WINDOW_MS = 10_000;

let window = 0;
let used = new Map();

export default class extends WorkerEntrypoint {
  async limit({ key }) {
    const now = Math.floor(Date.now() / WINDOW_MS);
    if (now !== window) used = new Map();
    window = now;
    const units = used.get(key) ?? 0;
    if (units >= LIMIT) return { success: false };
    used.set(key, units + 1);
    return { success: true };
  }

  fetch() {
    return new Response();
  }
}
