import { checking } from "./fetch.js";
import type { ProtectOptions } from "./protect.js";

export type { ProtectOptions, Rule } from "./protect.js";

/**
 * For a middleware or a route handler of Next: the response of a refusal, or `null` where the
 * request may go on. Vercel names the caller in `x-real-ip`: say so by `trustProxy`.
 */
export function tollgate(options: ProtectOptions<Request>): (request: Request) => Promise<Response | null> {
  const checks = checking(options);
  return async (request) => (await checks(request)).refusal;
}
