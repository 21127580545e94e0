import { describe, expect, it } from "vitest";
import { wideComments } from "./comments.mjs";

const words = (columns) => `${"word ".repeat(30).slice(0, columns - 1)}x`;

describe("the width of comments", () => {
  it("may be 100 columns and not 101", () => {
    expect(wideComments(`// ${words(97)}`)).toEqual([]);
    expect(wideComments(`code();\n    /// ${words(93)}`)).toEqual([2]);
  });

  it("is that of the lines of a block as well, not that of code or of one long word", () => {
    expect(wideComments(`/**\n * ${words(98)}\n */\n${words(120)}`)).toEqual([2]);
    expect(wideComments(`// https://${"x".repeat(120)}`)).toEqual([]);
  });
});
