import { describe, expect, it } from "vitest";
import { shapeOf } from "./probe.mjs";

const answer = (text, extra = []) => ({
  status: 200,
  headers: [["content-length", String(text.length)], ...extra],
  text,
});

describe("the shape of an answer", () => {
  it("is the same whatever is left and whenever it is asked", () => {
    const shape = (remaining, reset) =>
      shapeOf(
        answer(`{"remaining":${remaining},"reset":${reset},"source":"object"}`, [
          ["ratelimit", `"100/1s";r=${remaining};t=1`],
          ["x-ratelimit-reset", String(reset)],
        ]),
      );
    expect(shape(99, 1_700_000_000)).toBe(shape(5, 1_800_000_000));
  });

  it("differs in every field, name, header, limit and status", () => {
    const shapes = [
      answer(`{"limit":1}`),
      answer(`{"limit":2}`),
      answer(`{"limit":1,"source":"cache"}`),
      answer(`{"limit":1}`, [["retry-after", "1"]]),
      answer(`{"limit":1}`, [["ratelimit-policy", `"100/1s";q=1`]]),
      answer(`{"limit":1}`, [["ratelimit-policy", `"100/1m";q=1`]]),
      { ...answer(`{"limit":1}`), status: 429 },
    ].map(shapeOf);
    expect(new Set(shapes).size).toBe(shapes.length);
  });
});
