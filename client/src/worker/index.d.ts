// The types of the built Worker, which the build puts beside them: `dist/worker/index.js`, of Rust.
// The brands are those by which the types of Cloudflare's runtime know such classes.

import type { TollgateBinding } from "../binding.js";
import type { RateLimitObject } from "../object.js";

/** The Worker: its API over HTTP. */
declare const worker: {
  fetch(request: Request, env: unknown, context: unknown): Promise<Response>;
};
export default worker;

/** What other Workers call over a service binding with this entrypoint. */
export declare class Tollgate {
  readonly __WORKER_ENTRYPOINT_BRAND: never;
}
export interface Tollgate extends TollgateBinding {}

/** The class of a subject's object, which a Worker that binds it may ask itself. */
export declare class RateLimitDO {
  readonly __DURABLE_OBJECT_BRAND: never;
}
export interface RateLimitDO extends RateLimitObject {}
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
