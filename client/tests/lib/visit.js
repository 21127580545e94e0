// What is tried of the client in every runtime: a day of its verbs against a server.

/** What is not as it should be, as sentences; `entries` are those of the package. */
export async function visit({ client, flow, compat }, { url, token, identifier }) {
  const wrong = [];
  const expect = (what, is) => {
    if (!is) wrong.push(what);
  };
  const limiter = new client.Limiter({ url, token });
  const check = { identifier, limit: 3, window: "1h" };
  expect("the first is admitted", (await limiter.limit(check)).remaining === 2);
  expect("looking costs nothing", (await limiter.peek(check)).remaining === 2);
  const { headers } = await limiter.decide(check);
  expect("headers are for the caller", headers.get("x-ratelimit-remaining") === "1");
  const permit = await limiter.hold({ ...check, hold: "1m" });
  const refused = await limiter.acquire(check).catch((error) => error);
  expect("a refusal is thrown", refused instanceof client.RateLimitedError && refused.retryAfter > 0);
  await permit[Symbol.asyncDispose]?.();
  expect("a permit that is left gives back", (await limiter.remaining(check)) === 1);
  const problem = await limiter.limit({ ...check, limit: 1.5 }).catch((error) => error);
  expect("a problem names its field", problem instanceof client.TollgateError && problem.field === "limit");
  const leaving = new AbortController();
  const bucket = { algorithm: "tokenBucket", capacity: 1, refill: { amount: 1, interval: "1h" } };
  const wait = { identifier: `${identifier}-wait`, ...bucket };
  await limiter.limit(wait);
  const left = limiter.waitForToken(wait, { signal: leaving.signal, timeout: 7_200_000 }).catch((error) => error);
  setTimeout(() => leaving.abort(), 50);
  expect("who leaves does not wait on", (await left) !== undefined);
  const gone = new client.Limiter({ url: "http://127.0.0.1:9", token, timeout: 300 });
  expect("a server out of reach is admitted by default", (await gone.limit(check)).source === "client");
  const times = [];
  await flow.inBatches([1, 2, 3], { size: 2, pause: 1 }, async (item) => times.push(item));
  expect("batches reach all", times.length === 3);
  const store = new compat.DORateLimitStore(limiter);
  const limited = compat.createRateLimiter({ store, requests: 1, window: "1h" });
  const key = `${identifier}-compat`;
  expect("the older words work", (await limited.limit(key)).success && !(await limited.limit(key)).success);
  return wrong;
}
