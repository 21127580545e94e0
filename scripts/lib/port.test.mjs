import { describe, expect, it } from "vitest";
import { portOf } from "./port.mjs";

describe("the port of npm start", () => {
  it("is 8787 unless another is asked for", () => {
    expect(portOf([])).toEqual({ port: 8787 });
    expect(portOf(["--port", "9000"])).toEqual({ port: 9000 });
    expect(portOf(["--port=65535"])).toEqual({ port: 65_535 });
  });

  it("is understood also without the -- that npm wants", () => {
    expect(portOf([], "9000")).toEqual({ port: 9000 });
    expect(portOf(["9000"], "true")).toEqual({ port: 9000 });
    expect(portOf([], "true").problem).toContain('not "true"');
    expect(portOf(["--port", "1"], "9000")).toEqual({ port: 1 });
  });

  it("is refused with a sentence when it is no port", () => {
    for (const args of [
      ["--port"],
      ["--port", ""],
      ["--port", "0"],
      ["--port", "65536"],
      ["--port", "80a"],
      ["--port=-1"],
    ]) {
      expect(portOf(args).problem).toMatch(/^A port is a number from 1 to 65535, not ".*": npm start -- --port 8787$/);
    }
  });

  it("is the only thing that can be asked for", () => {
    expect(portOf(["--prot", "1"]).problem).toContain('does not know "--prot"');
    expect(portOf(["open"]).problem).toContain('does not know "open"');
    expect(portOf(["--port", "1", "--open"]).problem).toContain('does not know "--open"');
  });
});
