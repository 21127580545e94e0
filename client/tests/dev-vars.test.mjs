import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ensureTokens, readableToken } from "../bin/dev-vars.js";

let folder;
let path;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "tollgate-dev-vars-"));
  path = join(folder, ".dev.vars");
});

afterEach(() => rmSync(folder, { recursive: true }));

describe("the local tokens", () => {
  it("are one random admin token that only the owner can read", () => {
    expect(ensureTokens(path)).toBe(true);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(readableToken(path)).toMatch(/^[0-9a-f]{48}$/);
    expect(readFileSync(path, "utf8")).toMatch(
      /^TOLLGATE_TOKENS='\[\{"token":"\w+","role":"admin","namespace":"default"\}\]'\n$/,
    );
  });

  it("are never written over", () => {
    const text = `TOLLGATE_TOKENS=[{"token":"mine","role":"check","namespace":"a"}]\nOTHER=1\n`;
    writeFileSync(path, text);
    expect(ensureTokens(path)).toBe(false);
    expect(readFileSync(path, "utf8")).toBe(text);
    expect(readableToken(path)).toBe("mine");
  });

  it("stay even when they are empty or broken, for the Worker to explain", () => {
    for (const text of ["TOLLGATE_TOKENS=\n", "TOLLGATE_TOKENS='[{'\n", "TOLLGATE_TOKENS='{}'\n"]) {
      writeFileSync(path, text);
      expect(ensureTokens(path)).toBe(false);
      expect(readableToken(path)).toBeUndefined();
    }
  });

  it("join other settings of the file", () => {
    writeFileSync(path, "TOLLGATE_CORS_ORIGINS=*");
    expect(ensureTokens(path)).toBe(true);
    expect(readFileSync(path, "utf8")).toMatch(/^TOLLGATE_CORS_ORIGINS=\*\nTOLLGATE_TOKENS='/);
  });

  it("offer the most able one in clear", () => {
    const tokens = [
      { token: "r", role: "read" },
      { token: "c", role: "check" },
      { sha256: "00", role: "admin" },
      { token: "a", role: "admin" },
    ];
    writeFileSync(path, `TOLLGATE_TOKENS='${JSON.stringify(tokens)}'\n`);
    expect(readableToken(path)).toBe("a");
    writeFileSync(path, `TOLLGATE_TOKENS='${JSON.stringify(tokens.slice(0, 3))}'\n`);
    expect(readableToken(path)).toBe("c");
  });
});
