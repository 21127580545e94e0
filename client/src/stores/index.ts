export { type Callback, type FastifyStore, fastifyStore, type StoreParameters } from "./fastify.js";
export { type HitInfo, type HitOptions, HitStore } from "./hit-store.js";
export type { StoreOptions } from "./hits.js";
