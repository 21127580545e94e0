// The command line of `npm run bench`.

export const USAGE = `npm run bench -- [options]

  --quick            a smoke run: 2 rounds of 1 s, 3 cold starts; changes no file of the repository
  --only A,B         only these parts: core, size, cold, or a scenario such as hot-allowed-tmpfs
  --rounds N         rounds of every scenario, at least (9; 6 or more give an interval)
  --max-rounds N     rounds at most, where the intervals of a target are still wide (24)
  --seconds N        measured seconds per variant and round (10)
  --connections N    connections, each with one request in flight (64)
  --keys N           keys of the many-keys scenarios (1000, fewer where descriptors are scarce)
  --state DIR        where the scenarios on disk keep their state (target/bench/state)
  --beside DIR       instead of the baselines: the present build beside that of an earlier \`build/\`, which is variant O;
                     writes target/bench/beside.json
  --output FILE      write the results here instead of bench/results.json and docs/benchmarks.md
  --render           write docs/benchmarks.md anew from bench/results.json, and measure nothing
  --check            end with status 1 when docs/benchmarks.md is not what --render would write`;

const FLAGS = ["quick", "render", "check", "help"];
const NUMBERS = ["rounds", "max-rounds", "seconds", "connections", "keys"];
const TEXTS = ["only", "state", "beside", "output"];

/** The options, or `{ problem }` with a sentence for the reader. */
export function parseOptions(words) {
  const given = {};
  for (let at = 0; at < words.length; at += 1) {
    const name = words[at].replace(/^--/, "");
    if (words[at] === name || ![...FLAGS, ...NUMBERS, ...TEXTS].includes(name)) {
      return { problem: `npm run bench does not know "${words[at]}".\n\n${USAGE}` };
    }
    if (FLAGS.includes(name)) {
      given[name] = true;
      continue;
    }
    at += 1;
    const value = NUMBERS.includes(name) ? Number(words[at]) : words[at];
    if (value === undefined || value === "" || Number.isNaN(value) || value <= 0) {
      return { problem: `--${name} needs a value${NUMBERS.includes(name) ? " above 0" : ""}.\n\n${USAGE}` };
    }
    given[name] = value;
  }
  return withDefaults(given);
}

function withDefaults(given) {
  const quick = given.quick ?? false;
  const rounds = given.rounds ?? (quick ? 2 : 9);
  return {
    help: given.help ?? false,
    render: given.render ?? false,
    check: given.check ?? false,
    quick,
    only: given.only?.split(","),
    rounds,
    maxRounds: Math.max(rounds, given["max-rounds"] ?? (quick ? 2 : 24)),
    seconds: given.seconds ?? (quick ? 1 : 10),
    warmUpSeconds: quick ? 0.5 : 1,
    coldStarts: quick ? 3 : 21,
    coreRounds: quick ? 3 : 15,
    coreSteps: quick ? 200_000 : 5_000_000,
    connections: given.connections ?? 64,
    keys: given.keys ?? 1_000,
    state: given.state,
    beside: given.beside,
    output: given.output,
  };
}
