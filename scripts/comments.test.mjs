import { describe, expect, it } from "vitest";
import { wideComments, wideProse } from "./comments.mjs";

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

describe("the width of prose in Markdown", () => {
  it("may be 100 columns and not 101, in lists as well", () => {
    expect(wideProse(words(100))).toEqual([]);
    expect(wideProse(`# A page\n\n${words(101)}`)).toEqual([3]);
    expect(wideProse(`- ${words(98)}\n- ${words(99)}`)).toEqual([2]);
  });

  it("is not that of tables, headings and fenced code", () => {
    const wide = words(120);
    expect(wideProse(`# ${wide}\n| ${wide} |\n\`\`\`sh\n${wide}\n\`\`\``)).toEqual([]);
    expect(wideProse(`\`\`\`\n\`\`\`\n${wide}`)).toEqual([3]);
  });

  it("is not that of a link or of a piece of code alone in its line", () => {
    const wide = words(120);
    expect(wideProse(`- [${wide}](https://example.com)\n\`${wide}\`.`)).toEqual([]);
    expect(wideProse(`This and [${wide}](https://example.com)`)).toEqual([1]);
  });
});
