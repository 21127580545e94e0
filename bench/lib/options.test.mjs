import { describe, expect, it } from "vitest";
import { parseOptions } from "./options.mjs";

describe("the options of npm run bench", () => {
  it("are at least 8 rounds of 10 s unless others are asked for", () => {
    const { rounds, seconds, maxRounds, quick } = parseOptions([]);
    expect(rounds).toBeGreaterThanOrEqual(8);
    expect({ seconds, quick }).toEqual({ seconds: 10, quick: false });
    expect(maxRounds).toBeGreaterThan(rounds);
  });

  it("take numbers, names and flags", () => {
    const options = parseOptions(["--quick", "--rounds", "3", "--only", "core,size", "--seconds", "0.5"]);
    expect(options).toMatchObject({ quick: true, rounds: 3, maxRounds: 3, only: ["core", "size"], seconds: 0.5 });
  });

  it("are refused with a sentence when they make no sense", () => {
    expect(parseOptions(["--round", "3"]).problem).toContain('does not know "--round"');
    expect(parseOptions(["quick"]).problem).toContain('does not know "quick"');
    for (const words of [["--rounds"], ["--rounds", "0"], ["--rounds", "many"], ["--only", ""]]) {
      expect(parseOptions(words).problem).toContain(`${words[0]} needs a value`);
    }
  });
});
