// The arguments of `npm start`.

const DEFAULT_PORT = 8787;
const USAGE = "npm start -- --port 8787";

/**
 * `{ port }`, or `{ problem }` with a sentence that shows how it is written. `fromNpm` is what npm
 * made of a `--port=N` that was typed without the `--` before it; of `--port N` it leaves the bare
 * number.
 */
export function portOf(args, fromNpm) {
  if (args.length === 0) return fromNpm === undefined ? { port: DEFAULT_PORT } : parse(fromNpm);
  const words = args.flatMap((arg) => (arg.startsWith("--port=") ? ["--port", arg.slice("--port=".length)] : [arg]));
  if (words.length === 1 && /^\d+$/.test(words[0])) return parse(words[0]);
  const [name, text, ...rest] = words;
  if (name !== "--port" || rest.length > 0) {
    const unknown = name === "--port" ? rest[0] : name;
    return { problem: `npm start does not know "${unknown}". It takes one option, the port: ${USAGE}` };
  }
  return parse(text);
}

function parse(text) {
  const port = Number(text);
  if (/^\d+$/.test(text ?? "") && port >= 1 && port <= 65_535) return { port };
  return { problem: `A port is a number from 1 to 65535, not "${text ?? ""}": ${USAGE}` };
}
