// What `npm run soak` can be told.

import { parseArgs } from "node:util";

/** Every question is kept until the end, to be judged: so long a run takes about 2 GB. */
const MOST_MINUTES = 120;
/** How long a smoke run asks, and how long between two samples in it. */
const QUICK_MINUTES = 0.2;

export const USAGE = `npm run soak -- [options]

  --minutes N     how long Tollgate is asked (10; at most ${MOST_MINUTES}); looking for what stays takes up to 3 more
  --seed S        a whole number: the same arrivals and costs again (one by chance, which is printed)
  --only A,B      only modes whose names have one of these words in them, as in --only eventual,Upstash
  --json FILE     write all that was measured here
  --quick         a smoke run: ${QUICK_MINUTES * 60} s, faster patterns; judges no growth and waits for no idle clean-up
  --through FILE  a Worker in front of Tollgate, which it is bound to as NEXT: to see a fault be found
  --help          this

It ends with status 1 when a limit was exceeded, too little was admitted, an answer was an error or none of the mode's
own, or when memory, descriptors or storage keep growing or stay.`;

/** The options, or `{ problem }` with a sentence for the reader. */
export function parseOptions(words) {
  let values;
  try {
    values = parseArgs({
      args: words,
      options: {
        minutes: { type: "string" },
        seed: { type: "string" },
        only: { type: "string" },
        json: { type: "string" },
        through: { type: "string" },
        quick: { type: "boolean", default: false },
        help: { type: "boolean", default: false },
      },
    }).values;
  } catch (error) {
    return { problem: `${error.message}\n\n${USAGE}` };
  }
  const minutes = Number(values.minutes ?? (values.quick ? QUICK_MINUTES : 10));
  if (!(minutes > 0 && minutes <= MOST_MINUTES)) {
    return { problem: `--minutes is a number above 0 and at most ${MOST_MINUTES}.\n\n${USAGE}` };
  }
  const seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 31));
  if (!(Number.isInteger(seed) && seed >= 0 && seed < 2 ** 32)) {
    return { problem: `--seed is a whole number from 0 to 2^32 - 1.\n\n${USAGE}` };
  }
  for (const name of ["json", "through", "only"]) {
    if (values[name] === "") return { problem: `--${name} needs a value.\n\n${USAGE}` };
  }
  return { ...values, minutes, seed, only: values.only?.split(",") };
}
