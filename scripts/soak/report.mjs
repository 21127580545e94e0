// The tables of a run, as Markdown that a terminal shows well too.

import { table } from "../../bench/lib/report.mjs";

const MIB = 2 ** 20;
const number = (value, digits = 0) => (value === undefined ? "–" : value.toFixed(digits));
const percent = (part) => (part === undefined ? "–" : `${(part * 100).toFixed(1)} %`);

/** Adherence: a row for each mode and rule. */
function adherence(modes) {
  const rows = modes.flatMap(({ name, pattern, asked, errors, rules }) =>
    rules.map((rule, index) => [
      index === 0 ? name : "",
      index === 0 ? pattern : "",
      index === 0 ? number(asked) : "",
      rules.length > 1 ? rule.name : "",
      number(rule.admitted),
      Number.isFinite(rule.allowed) ? `${number(rule.most, 1)} of ${rule.allowed}` : "–",
      rule.ideal > 0 ? percent(rule.share) : "–",
      index === 0 ? number(errors) : "",
    ]),
  );
  const head = ["mode", "pattern", "asked", "rule", "units admitted", "most at once", "of the ideal", "errors"];
  return table(head, rows);
}

/** Smoothness and latencies. */
function smoothness(modes) {
  const rows = modes.map(({ name, smoothness: { meanMs, p99Ms, variation, early }, p50Ms, p99Ms: slow, skipped }) => [
    name,
    number(meanMs, 1),
    number(p99Ms, 1),
    number(variation, 2),
    percent(early),
    number(p50Ms, 1),
    number(slow, 1),
    number(skipped),
  ]);
  const head = ["mode", "gap ms", "gap p99 ms", "variation", "first tenth", "p50 ms", "p99 ms", "not sent"];
  return table(head, rows);
}

function growth(measures) {
  const rows = measures.map(({ name, unit, start, most, end, anHour, error, mayGrow }) => {
    const shown = (value) => number(value === undefined ? undefined : value / unit, unit === 1 ? 0 : 1);
    return [
      unit === MIB ? `${name}, MiB` : name,
      shown(start),
      shown(most),
      shown(end),
      anHour === undefined ? "–" : `${shown(anHour)} ± ${shown(error)}`,
      shown(mayGrow),
    ];
  });
  return table(["measure", "start", "most", "end", "growth an hour", "may grow"], rows);
}

function left({ seconds, bytes, databases, rows, rss, descriptors }) {
  const cells = [
    ["seconds until no subject was listed", number(seconds)],
    ["memory of workerd, MiB", number(rss / MIB, 1)],
    ["descriptors", number(descriptors)],
    ["bytes on disk, MiB", number(bytes / MIB, 1)],
    ["databases", number(databases)],
    ...Object.entries(rows).map(([name, count]) => [`rows of ${name}`, number(count)]),
  ];
  return table(["when idle", ""], cells);
}

/** All of it. */
export function report(results) {
  const { machine, seed, minutes } = results;
  const about = `${minutes} min, seed ${seed}, ${results.at}, commit ${results.commit}; ${machine.cpu}, workerd ${machine.workerd}`;
  const parts = [about, adherence(results.modes), smoothness(results.modes), growth(results.growth)];
  if (results.left) parts.push(left(results.left));
  return parts.join("\n\n");
}
