// The arguments of `npm start`.

import { DEFAULT_PORT, parsePort } from "../../client/bin/port.js";

const USAGE = "npm start -- --port 8787";

/**
 * `{ port }`, or `{ problem }` with a sentence that shows how it is written. `fromNpm` is what npm
 * made of a `--port=N` that was typed without the `--` before it; of `--port N` it leaves the bare
 * number.
 */
export function portOf(args, fromNpm) {
  if (args.length === 0) return fromNpm === undefined ? { port: DEFAULT_PORT } : parsePort(fromNpm, USAGE);
  const words = args.flatMap((arg) => (arg.startsWith("--port=") ? ["--port", arg.slice("--port=".length)] : [arg]));
  if (words.length === 1 && /^\d+$/.test(words[0])) return parsePort(words[0], USAGE);
  const [name, text, ...rest] = words;
  if (name !== "--port" || rest.length > 0) {
    const unknown = name === "--port" ? rest[0] : name;
    return { problem: `npm start does not know "${unknown}". It takes one option, the port: ${USAGE}` };
  }
  return parsePort(text, USAGE);
}
