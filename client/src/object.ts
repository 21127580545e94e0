// `tollgate/object`: a subject's Durable Object asked itself, by a Worker that binds its class.

import type { Decision, Reported, Status } from "./answers.js";
import { Limiter, type LimiterOptions } from "./limiter.js";
import type { Check, Duration, Mode, Report, Subject, Terms, TokenBucketLimit, WindowLimit } from "./questions.js";

/** A check that an object decides; held back (`wait`) it would stay in memory, and billed. */
export type ObjectCheck = Check & { wait?: never };

/** A limit that is brought along, and how much of it is asked for. */
type Config<L> = Omit<L, "algorithm"> & Partial<Omit<Subject, "identifier">> & Mode & Omit<Terms, "wait">;

/**
 * The methods of an object: the type for `DurableObjectNamespace<RateLimitObject>`. A question is
 * about the object's own subject, else it is an error that begins with `otherSubject`.
 */
export interface RateLimitObject {
  limit(check: ObjectCheck): Promise<Decision>;
  peek(check: ObjectCheck): Promise<Decision>;
  fixedWindow(identifier: string, config: Config<WindowLimit>): Promise<Decision>;
  slidingWindow(identifier: string, config: Config<WindowLimit>): Promise<Decision>;
  tokenBucket(identifier: string, config: Config<TokenBucketLimit>): Promise<Decision>;
  status(subject: Subject & { policy?: string }): Promise<Status>;
  reset(subject: Subject & { policy?: string }): Promise<{ success: true }>;
  block(subject: Subject & { policy?: string; duration: Duration; reason?: string }): Promise<{ success: true }>;
  report(report: Report & { headers: Record<string, string> }): Promise<Reported>;
}

/** The binding of the class, as far as it is used. */
export interface ObjectNamespace {
  getByName(name: string): { fetch(url: string, init?: RequestInit): Promise<Response> };
}

/** What an object answers for: one subject, and no policies, several checks or turns to wait for. */
export type ObjectLimiter = Omit<Limiter, "multi" | "holdAll" | "waitForToken" | "policies">;

/** Beside the object: which namespace its subject is in, `default` unless said. */
export interface ObjectOptions extends Omit<LimiterOptions, "url" | "token" | "fetch"> {
  namespace?: string;
}

/**
 * The name of a subject's object: `rate-limit:<provider>:<scope>:<identifier>`. Of a policy with a
 * provider and scope of its own the subject has those. A name longer than 1,024 bytes is one that
 * the object is not told: ask the Worker.
 */
export function objectName({ provider = "default", scope = "", identifier }: Subject, namespace = "default"): string {
  const parts = [provider, ...(scope === "" ? [] : [scope]), identifier].map(encodeURIComponent);
  return `${namespace === "default" ? "" : `${namespace}/`}rate-limit:${parts.join(":")}`;
}

/**
 * A limiter over one subject's object, with the deadline, the one retry and the failure mode of any
 * `Limiter`.
 */
export function objectLimiter(binding: ObjectNamespace, subject: Subject, options: ObjectOptions = {}): ObjectLimiter {
  const { namespace, ...rest } = options;
  const object = binding.getByName(objectName(subject, namespace));
  // No token is asked for.
  return new Limiter({ ...rest, url: "https://object", token: "", fetch: (url, init) => object.fetch(url, init) });
}
