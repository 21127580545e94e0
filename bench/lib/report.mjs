// Tables from the results: for the terminal, and for docs/benchmarks.md between its markers.

import { scenarios } from "./scenarios.mjs";
import { median, medianInterval } from "./statistics.mjs";
import { cpuPerRequest, cpuRatioOf, judge, rateRatioOf } from "./targets.mjs";

const BEGIN = "<!-- figures: written by `npm run bench`, do not edit -->";
const END = "<!-- end of figures -->";
/** The widest line of prose, as `npm run check -- comments` holds it. */
const COLUMNS = 100;

/** Everything between the markers of docs/benchmarks.md. */
export function figures({ machine, parts }) {
  if (Object.keys(parts).length === 0) return "Nothing has been measured yet: run `npm run bench`.";
  const blocks = [targetTable(parts), machineTable(machine, parts)];
  for (const scenario of scenarios()) {
    if (parts[scenario.id]) blocks.push(scenarioTable(scenario, parts[scenario.id]));
  }
  if (parts.core) blocks.push(coreTable(parts.core));
  if (parts.size) blocks.push(sizeTable(parts.size));
  if (parts.cold) blocks.push(coldTable(parts.cold));
  return blocks.join("\n\n");
}

/** The page with new figures. Throws where the markers are missing. */
export function withFigures(page, results) {
  const [from, to] = [page.indexOf(BEGIN), page.indexOf(END)];
  if (from < 0 || to < from) throw new Error("docs/benchmarks.md has lost the markers around its figures.");
  return `${page.slice(0, from + BEGIN.length)}\n\n${figures(results)}\n\n${page.slice(to)}`;
}

function targetTable(parts) {
  const rows = judge(parts).map(({ name, unit, atLeast, atMost, verdict, ...figure }) => {
    const bound = atLeast === undefined ? `at most ${quantity(atMost, unit)}` : `at least ${quantity(atLeast, unit)}`;
    return [name, bound, verdict === "not measured" ? "–" : interval(figure, unit), `**${verdict}**`];
  });
  return `### Targets\n\n${table(["target", "bound", "measured", "verdict"], rows)}`;
}

function machineTable(machine, parts) {
  const rows = [
    ["processor", machine.cpu],
    ["memory", `${machine.memoryGiB} GiB`],
    ["system", `${machine.kernel}, disk ${machine.diskFileSystem}`],
    ["versions", `workerd ${machine.workerd}, Node ${machine.node}, Rust ${machine.rustc}`],
  ];
  const taken = Object.entries(parts).map(([id, { moment }]) => [
    id,
    moment.at.slice(0, 16).replace("T", " "),
    `\`${moment.commit}\``,
    moment.loadAverage.toFixed(2),
  ]);
  const head = ["part", "measured (UTC)", "commit", "load average before"];
  return `### Machine\n\n${table(["", ""], rows)}\n\n${table(head, taken)}`;
}

/** One scenario: absolute figures for orientation, ratios to judge by. */
export function scenarioTable({ id, what, storage, body }, { keys, rounds, samples, seconds, connections }) {
  const rows = Object.entries(samples).map(([variant, taken]) => {
    const rate = taken.map((sample) => sample.requests / sample.seconds);
    const busy = taken.map((sample) => sample.serverCpuSeconds / sample.seconds);
    return [
      variant,
      median(rate).toFixed(0),
      (median(cpuPerRequest(taken)) * 1e6).toFixed(1),
      `${(median(busy) * 100).toFixed(0)} %`,
      (median(taken.map(({ p50Us }) => p50Us)) / 1e3).toFixed(1),
      (median(taken.map(({ p99Us }) => p99Us)) / 1e3).toFixed(1),
      variant === "T" ? "1" : interval(cpuRatioOf(samples, variant), "x"),
      variant === "T" ? "1" : interval(rateRatioOf(samples, variant), "x"),
    ];
  });
  const head = [
    "",
    "requests/s",
    "CPU µs/request",
    "workerd busy",
    "p50 ms",
    "p99 ms",
    "CPU: other / T",
    "requests/s: T / other",
  ];
  const how = `${rounds} rounds of ${seconds} s, ${connections} connections, ${keys} ${keys === 1 ? "key" : "keys"}`;
  const where = storage === "tmpfs" ? "in memory (tmpfs)" : "on disk";
  const prose = wrapped(`${what}; state ${where}; ${how}. Body: \`${body}\``);
  return `### ${id}\n\n${prose}\n\n${table(head, rows)}`;
}

/** Nanoseconds per decision. */
export function coreTable({ subjects, written }) {
  const rows = subjects.map(({ name, ns }) => [name, interval(medianInterval(ns), "ns")]);
  const counts = Object.entries(written).map(([kind, { rows: put, alarms }]) => [
    `10,000 ${kind}`,
    `${put}`,
    `${alarms}`,
  ]);
  const counted = table(["counted at limit 10,000 a window", "rows written", "alarms set"], counts);
  return `### core\n\n${table(["one decision", "time"], rows)}\n\n${counted}`;
}

/** The built files. */
export function sizeTable({ files, gzipped }) {
  const rows = files.map(({ file, bytes, gzipped: small }) => [file, thousands(bytes), thousands(small)]);
  rows.push(["together", thousands(files.reduce((sum, { bytes }) => sum + bytes, 0)), thousands(gzipped)]);
  return `### size\n\n${table(["file", "bytes", "gzip -9"], rows)}`;
}

/** From the start of the process to the first answer. */
export function coldTable({ times }) {
  const yardstick = "B" in times ? "B" : "O"; // the other build, where only both builds are measured
  const rows = Object.entries(times).map(([id, values]) => [
    id,
    interval(medianInterval(values), "ms"),
    id === yardstick
      ? "0"
      : interval(medianInterval(values.map((value, round) => value - times[yardstick][round])), "ms"),
  ]);
  return `### cold\n\n${table(["", "process start to first answer", `above ${yardstick}`], rows)}`;
}

/** A table of Markdown, readable in a terminal too. */
export function table(head, rows) {
  const widths = head.map((title, column) =>
    Math.max(3, ...[title, ...rows.map((row) => row[column])].map((cell) => cell.length)),
  );
  const line = (cells) => `| ${cells.map((cell, column) => cell.padEnd(widths[column])).join(" | ")} |`;
  const rule = `|${widths.map((width) => "-".repeat(width + 2)).join("|")}|`;
  return [line(head), rule, ...rows.map(line)].join("\n");
}

/** A paragraph in lines of at most 100 columns, broken between words and around pieces of code. */
export function wrapped(text) {
  const words = text.match(/(?:`[^`]*`|\S)+/g) ?? [];
  const lines = [];
  for (const word of words) {
    const line = `${lines.at(-1) ?? ""} ${word}`;
    if (lines.length > 0 && line.length <= COLUMNS) lines[lines.length - 1] = line;
    else lines.push(word);
  }
  return lines.join("\n");
}

function quantity(value, unit) {
  return `${value}${suffix(unit)}`;
}

function suffix(unit) {
  return { x: "x", rows: "" }[unit] ?? ` ${unit}`;
}

/** `median [low, high] unit`; a lone value where there is no spread or no interval. */
export function interval({ median: middle, low, high }, unit) {
  const digits = unit === "x" || unit === "rows" ? 2 : 1;
  const shown = (value) => value.toFixed(digits);
  const tail = unit === "x" ? "" : suffix(unit);
  if (low === undefined) return `${shown(middle)}${tail} (no interval)`;
  return low === high ? `${shown(middle)}${tail}` : `${shown(middle)} [${shown(low)}, ${shown(high)}]${tail}`;
}

function thousands(value) {
  return value.toString().replace(/\B(?=(\d{3})+$)/g, ",");
}
