// Follows a shared vector, in any runtime: only what all of them have.

const START = Date.UTC(2027, 0, 4);

/** Times are counted from the start of the vector. */
const relative = (answer, key) => (["reset", "expires"].includes(key) ? answer[key] - START : answer[key]);

/**
 * What is not as the vector expects, as sentences; `createLimiter` is that of the package as the
 * runtime has it.
 */
export function follow(createLimiter, { name, identifier, limit, steps }) {
  const limiter = createLimiter({ now: START });
  const wrong = [];
  for (const { at, expect: expected, ...options } of steps) {
    limiter.advance(START + at - limiter.now);
    const answer = limiter.limit({ identifier, ...limit, ...options });
    const keys = [...Object.keys(expected), "retryAfter"];
    const isAsExpected = (key) => relative(answer, key) === expected[key];
    const others = keys.filter((key) => !isAsExpected(key));
    if (others.length > 0) wrong.push(`${name} at ${at}: ${others} in ${JSON.stringify(answer)}`);
  }
  return wrong;
}
