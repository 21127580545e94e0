// A port as it is typed.

export const DEFAULT_PORT = 8787;

/** `{ port }`, or `{ problem }` with a sentence that shows by `usage` how it is written. */
export function parsePort(text, usage) {
  const port = Number(text);
  if (/^\d+$/.test(text ?? "") && port >= 1 && port <= 65_535) return { port };
  return { problem: `A port is a number from 1 to 65535, not "${text ?? ""}": ${usage}` };
}
