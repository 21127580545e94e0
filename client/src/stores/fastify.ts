import { type Counted, Hits, PREFIX, type StoreOptions } from "./hits.js";

/** How a store of `@fastify/rate-limit` answers: `ttl` is how long until the window ends, in ms. */
export type Callback = (error: Error | null, result?: { current: number; ttl: number }) => void;

/** What is used of the parameters of the plugin and of a route. */
export interface StoreParameters {
  continueExceeding?: boolean;
  exponentialBackoff?: boolean;
  /** Routes of one group share their counts: the plugin adds its name to keys. */
  groupId?: string;
  routeInfo?: { method?: string | string[]; url?: string };
}

/** A store of `@fastify/rate-limit`. */
export interface FastifyStore {
  incr(key: string, callback: Callback, timeWindow: number, max: number): void;
  read(key: string, callback: Callback, timeWindow: number, max: number): void;
  child(route: StoreParameters): FastifyStore;
}

/**
 * The class that `@fastify/rate-limit` takes as its `store`. The first hit of a key opens its
 * window, hits beyond `max` are counted too (`ban` needs them), and all instances with one prefix
 * share the counts; each route with numbers of its own has its own. It answers with an error where
 * the server tells no count: see `skipOnError`.
 */
export function fastifyStore({
  limiter,
  prefix = PREFIX,
}: StoreOptions): new (
  parameters?: StoreParameters,
) => FastifyStore {
  return class TollgateStore implements FastifyStore {
    readonly #prefix: string;
    readonly #hits: Hits;

    constructor(parameters: StoreParameters = {}, ofRoute: string = prefix) {
      for (const option of ["continueExceeding", "exponentialBackoff"] as const) {
        if (parameters[option])
          throw new TypeError(`\`${option}\` is not possible: a window ends when it was told to.`);
      }
      this.#prefix = ofRoute;
      this.#hits = new Hits(limiter, ofRoute);
    }

    incr(key: string, callback: Callback, timeWindow: number, max: number): void {
      answer(this.#hits.add(key, { window: timeWindow, limit: max }), callback);
    }

    read(key: string, callback: Callback, timeWindow: number, max: number): void {
      answer(this.#hits.look(key, { window: timeWindow, limit: max }), callback);
    }

    child(route: StoreParameters): FastifyStore {
      const { method = "", url = "" } = route.routeInfo ?? {};
      const own = route.groupId === undefined ? `${[method].flat().join(",")}${url}-` : "group-";
      return new TollgateStore(route, `${this.#prefix}${own}`);
    }
  };
}

function answer(counting: Promise<Counted>, callback: Callback): void {
  counting.then(
    ({ hits, reset }) => callback(null, { current: hits, ttl: hits === 0 ? 0 : Math.max(0, reset - Date.now()) }),
    (error) => callback(error as Error),
  );
}
