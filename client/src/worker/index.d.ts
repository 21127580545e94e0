// The types of the built Worker, which the build puts beside them: `dist/worker/index.js`, of Rust.
// The brands are those by which the types of Cloudflare's runtime know such classes.

import type { Decision, MultiDecision, Reported, Settled, Status, ToppedUp } from "../answers.js";
import type { Check, Duration, MultiCheck, Real, Report, Subject } from "../questions.js";

/** A subject, and a policy where only its limits are meant. */
type Asked = Subject & { policy?: string };
type OfPermit = { permit: string };
/** `Headers` do not travel as such: what has them sends `Object.fromEntries(headers)`. */
type PlainReport = Report & { headers?: Record<string, string | readonly string[]> };

/** The Worker: its API over HTTP. */
declare const worker: {
  fetch(request: Request, env: unknown, context: unknown): Promise<Response>;
};
export default worker;

/**
 * What other Workers call over a service binding with this entrypoint. The last argument of each
 * method is a token, unless the binding's `props` say who calls.
 */
export declare class Tollgate {
  readonly __WORKER_ENTRYPOINT_BRAND: never;
  limit(check: Check, token?: string): Promise<Decision>;
  peek(check: Check, token?: string): Promise<Decision>;
  multi(checks: readonly Check[] | MultiCheck, token?: string): Promise<MultiDecision>;
  settle(permit: OfPermit & Real, token?: string): Promise<Settled>;
  topup(permit: OfPermit & Real & { overage?: "deny" | "cap" | "debt" }, token?: string): Promise<ToppedUp>;
  renew(permit: OfPermit & { hold?: Duration }, token?: string): Promise<{ expires: number }>;
  release(permit: OfPermit, token?: string): Promise<Record<string, unknown>>;
  report(report: PlainReport, token?: string): Promise<Reported>;
  block(subject: Asked & { duration: Duration; reason?: string }, token?: string): Promise<Record<string, unknown>>;
  status(subject: Asked, token?: string): Promise<Status>;
  reset(subject: Asked, token?: string): Promise<Record<string, unknown>>;
}

/** The class of a subject's object. Only Tollgate's own Worker calls these objects. */
export declare class RateLimitDO {
  readonly __DURABLE_OBJECT_BRAND: never;
}
/** The class of a shard of Redis keys. */
export declare class KeyspaceDO {
  readonly __DURABLE_OBJECT_BRAND: never;
}
/** The class of a namespace's directory of what is alive. */
export declare class DirectoryDO {
  readonly __DURABLE_OBJECT_BRAND: never;
}
/** The class of a namespace's policies. */
export declare class PolicyDO {
  readonly __DURABLE_OBJECT_BRAND: never;
}
/** The class of a namespace's recorded use. */
export declare class RecordDO {
  readonly __DURABLE_OBJECT_BRAND: never;
}
