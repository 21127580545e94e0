import { describe, expect, it } from "vitest";
import { wrapped } from "./report.mjs";

describe("a paragraph of the page", () => {
  it("has lines of at most 100 columns and the same words", () => {
    const text = "word ".repeat(60).trim();
    const lines = wrapped(text).split("\n");
    expect(lines.map((line) => line.length)).toEqual([99, 99, 99]);
    expect(lines.join(" ")).toBe(text);
    expect(wrapped("x".repeat(100))).toBe("x".repeat(100));
    expect(wrapped(`${"x".repeat(98)} y z`)).toBe(`${"x".repeat(98)} y\nz`);
  });

  it("is not broken inside a piece of code", () => {
    const code = `\`{${" 1".repeat(60)} }\`,`;
    expect(wrapped(`Body: ${code} and`)).toBe(`Body:\n${code}\nand`);
  });
});
