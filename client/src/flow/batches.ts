import type { Limiter } from "../limiter.js";
import type { Subject } from "../questions.js";
import { sleep } from "../transport.js";

/** How items are put together, and what sends them. */
export interface BatcherOptions<Item, Result> {
  /** The policy under which a batch is sent, its cost the number of its items. */
  check: Subject & { policy: string };
  /** The most items of a batch. */
  max: number;
  /** How long a batch waits for more items, in ms; 10 unless said. */
  linger?: number;
  /** The longest that a batch waits for its turn, in ms; 30,000 unless said. */
  timeout?: number;
  /** Sends a batch; one result for each item, in their order. */
  send: (items: Item[]) => Promise<readonly Result[]>;
}

/**
 * Puts single items together into batches for APIs that take several in one call. One check of as
 * many units as there are items is made for each batch. Who gave an item gets its result, or why
 * its batch failed.
 */
export function batcher<Item, Result>(
  limiter: Limiter,
  { check, max, linger = 10, timeout = 30_000, send }: BatcherOptions<Item, Result>,
): (item: Item) => Promise<Result> {
  if (!Number.isInteger(max) || max < 1) throw new RangeError("`max` has to be a whole number of 1 or more.");
  let open: Waiting<Item, Result>[] = [];
  let timer: ReturnType<typeof setTimeout> | undefined;

  const flush = async () => {
    clearTimeout(timer);
    timer = undefined;
    const batch = open;
    open = [];
    try {
      await limiter.waitForToken({ ...check, cost: batch.length }, { timeout });
      const results = await send(batch.map(({ item }) => item));
      if (results.length !== batch.length) {
        throw new Error(`A batch of ${batch.length} items has ${results.length} results.`);
      }
      batch.forEach(({ resolve }, at) => {
        resolve(results[at] as Result);
      });
    } catch (error) {
      for (const { reject } of batch) reject(error);
    }
  };

  return (item) =>
    new Promise((resolve, reject) => {
      open.push({ item, resolve, reject });
      if (open.length >= max) void flush();
      else timer ??= setTimeout(flush, linger);
    });
}

interface Waiting<Item, Result> {
  item: Item;
  resolve: (result: Result) => void;
  reject: (error: unknown) => void;
}

/**
 * Does something with each item, `size` of them at a time and `pause` ms between, none after the
 * last. All are tried, also after one has failed; what became of each, in their order.
 */
export async function inBatches<Item, Result>(
  items: readonly Item[],
  { size, pause, signal }: { size: number; pause: number; signal?: AbortSignal },
  work: (item: Item) => Promise<Result>,
): Promise<PromiseSettledResult<Result>[]> {
  if (!Number.isInteger(size) || size < 1) throw new RangeError("`size` has to be a whole number of 1 or more.");
  signal?.throwIfAborted();
  const results: PromiseSettledResult<Result>[] = [];
  for (let at = 0; at < items.length; at += size) {
    if (at > 0) await sleep(pause, signal);
    results.push(...(await Promise.allSettled(items.slice(at, at + size).map(async (item) => work(item)))));
  }
  return results;
}
