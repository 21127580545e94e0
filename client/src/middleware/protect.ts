import type { Decision } from "../answers.js";
import type { Limiter } from "../limiter.js";
import type { Limit, Mode, Terms } from "../questions.js";
import { callerOf } from "./address.js";

/** What is asked for each request, but for who asks. */
export type Rule = { provider?: string; scope?: string } & Terms &
  ({ policy: string } | (Mode & Limit) | (Mode & { limits: readonly Limit[] }));

/** How requests are protected. */
export interface ProtectOptions<Request> {
  limiter: Limiter;
  /** A policy of the server, or a limit in numbers. */
  rule: Rule;
  /** Who asks, where that is not the address: a user, an API key. `undefined`: nobody knows. */
  key?: (request: Request) => string | undefined | Promise<string | undefined>;
  /**
   * The header in which a proxy in front names the caller's address, such as `x-real-ip` or
   * `x-forwarded-for`, and of a list how many proxies in front may be believed, 1 unless said: the
   * address that the outermost of them saw. Without it headers are not believed, for anybody can send them; only
   * on Workers `CF-Connecting-IP` is, which Cloudflare sets.
   */
  trustProxy?: { header: string; hops?: number };
  /** What becomes of a request of which nobody knows who asks: `deny` (usual), `allow`. */
  unknown?: "deny" | "allow";
  /** Of an IPv6 address so many bits are one caller; 64 unless said. */
  ipv6Prefix?: number;
}

/** What is known of a request. */
export interface Seen {
  header: (name: string) => string | null | undefined;
  /** The address of the connection, where there is one. */
  remote?: string | undefined;
}

/** What is used of a request of Node's own server, which those of Express and Fastify have, too. */
export interface NodeRequest {
  headers: Record<string, string | string[] | undefined>;
  socket: { remoteAddress?: string | undefined };
  rateLimit?: Decision | undefined;
}

/** What is known of such a request. */
export const seenByNode = ({ headers, socket }: NodeRequest): Seen => ({
  header: (name) => [headers[name.toLowerCase()]].flat().join(",") || undefined,
  remote: socket.remoteAddress,
});

/** May it go on, and what its answer's headers say. */
export interface Verdict {
  isAdmitted: boolean;
  decision?: Decision;
  headers: Headers;
  /** The status and text of a refusal. */
  status: number;
  text: string;
}

const REFUSED = "Too Many Requests";
const UNKNOWN = "Nobody knows who asks: there is no address.";

/** Whether this runs on Cloudflare Workers, where the platform names the caller. */
const onWorkers = (): boolean => globalThis.navigator?.userAgent === "Cloudflare-Workers";

/** What decides about requests; an option that cannot be is an error here, not at each of them. */
export function protection<Request>(
  options: ProtectOptions<Request>,
): (request: Request, seen: Seen) => Promise<Verdict> {
  const { limiter, rule, key, trustProxy, unknown, ipv6Prefix } = options;
  // Of a list it would else be the first entry, which is the caller's own word.
  requireWhole("trustProxy.hops", trustProxy?.hops, Number.MAX_SAFE_INTEGER);
  requireWhole("ipv6Prefix", ipv6Prefix, 128);
  return async (request, seen) => {
    const identifier = await (key === undefined ? addressOf(options, seen) : key(request));
    if ((identifier ?? "") === "") {
      return { isAdmitted: unknown === "allow", headers: new Headers(), status: 403, text: UNKNOWN };
    }
    const asked = limiter.decide({ ...rule, identifier: identifier as string });
    const { decision, headers } = await asked.catch((cause) => {
      // Its `status` is between this server and Tollgate's: frameworks would answer it to visitors.
      throw new Error("The request could not be limited.", { cause });
    });
    return { isAdmitted: decision.success, decision, headers, status: 429, text: REFUSED };
  };
}

function requireWhole(name: string, value: number | undefined, most: number): void {
  if (value === undefined || (Number.isInteger(value) && value >= 1 && value <= most)) return;
  throw new RangeError(`\`${name}\` has to be a whole number from 1 to ${most}.`);
}

function addressOf<Request>({ trustProxy, ipv6Prefix }: ProtectOptions<Request>, seen: Seen): string | undefined {
  const found = told(trustProxy, seen) ?? (trustProxy === undefined ? seen.remote : undefined);
  return found === undefined ? undefined : callerOf(found, ipv6Prefix);
}

function told(trustProxy: { header: string; hops?: number } | undefined, seen: Seen): string | undefined {
  if (trustProxy === undefined) return (onWorkers() && seen.header("cf-connecting-ip")) || undefined;
  // Each proxy adds the address that it saw at the end: what is before those is the caller's word.
  const all = (seen.header(trustProxy.header) ?? "").split(",").map((part) => part.trim());
  return all.at(-(trustProxy.hops ?? 1)) || undefined;
}
