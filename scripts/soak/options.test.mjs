import { describe, expect, it } from "vitest";
import { parseOptions } from "./options.mjs";
import { arrivals, randomFrom, steady } from "./patterns.mjs";

describe("the options of npm run soak", () => {
  it("are ten minutes and a seed by chance unless others are asked for", () => {
    const { minutes, seed } = parseOptions([]);
    expect([minutes, Number.isInteger(seed)]).toEqual([10, true]);
    expect(parseOptions(["--minutes", "3", "--seed", "7"])).toMatchObject({ minutes: 3, seed: 7 });
    expect(parseOptions(["--quick"]).minutes).toBeLessThanOrEqual(0.25);
  });

  it.each([
    [["--minutes", "0"], "--minutes"],
    [["--minutes", "121"], "--minutes"],
    [["--minutes", "many"], "--minutes"],
    [["--seed", "-1"], "--seed"],
    [["--seed", "1.5"], "--seed"],
    [["--json", ""], "--json"],
    [["--forever"], "--forever"],
  ])("%j are refused with a sentence that names %s", (words, name) => {
    expect(parseOptions(words).problem).toContain(name);
  });
});

it("arrivals are the same for the same seed, and as many as their rate", () => {
  const count = (seed) => {
    const due = arrivals(steady(100), randomFrom(seed));
    return Array.from({ length: 2_000 }, (_, i) => due(i * 0.005, 0, 0.005));
  };
  expect(count(1)).toEqual(count(1));
  expect(count(1)).not.toEqual(count(2));
  const sum = count(1).reduce((all, one) => all + one, 0);
  expect(sum).toBeGreaterThan(850);
  expect(sum).toBeLessThan(1_150);
});
