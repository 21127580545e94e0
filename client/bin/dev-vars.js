// The secrets of local development, `.dev.vars`, which wrangler hands to the Worker: written once
// with a random admin token, never changed where TOLLGATE_TOKENS is there already.

import { randomBytes } from "node:crypto";
import { appendFileSync, chmodSync, existsSync, readFileSync } from "node:fs";

/** Writes the tokens where there are none. True when it did. */
export function ensureTokens(path) {
  const text = existsSync(path) ? readFileSync(path, "utf8") : "";
  if (value(text) !== undefined) return false;
  const tokens = [{ token: randomBytes(24).toString("hex"), role: "admin", namespace: "default" }];
  const gap = text === "" || text.endsWith("\n") ? "" : "\n";
  appendFileSync(path, `${gap}TOLLGATE_TOKENS='${JSON.stringify(tokens)}'\n`, { mode: 0o600 });
  chmodSync(path, 0o600); // the mode above counts only for a new file
  return true;
}

/**
 * The best token that the file tells in clear, or undefined where it keeps only hashes or cannot be
 * read.
 */
export function readableToken(path) {
  try {
    const tokens = JSON.parse(value(readFileSync(path, "utf8")));
    const rank = ["admin", "check"];
    const known = tokens.filter(({ token, role }) => token && rank.includes(role));
    return known.sort((a, b) => rank.indexOf(a.role) - rank.indexOf(b.role))[0]?.token;
  } catch {
    return undefined; // the Worker says what is wrong with the secret, and says it better
  }
}

// One line, in quotes or without: as wrangler reads the file.
function value(text) {
  const line = /^\s*(?:export\s+)?TOLLGATE_TOKENS\s*=\s*(.*?)\s*$/m.exec(text)?.[1];
  return line?.replace(/^(['"`])(.*)\1$/, "$2");
}
