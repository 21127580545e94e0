// What a run says of the promises: figures for each mode, and a sentence for each that was broken.

const FIRST_PART = 0.1;
/** Sums of fractions, such as those of a bucket's rate over Unix milliseconds. */
const ROUNDING = 1e-3;

/** What one mode's run (load.mjs) came to. */
export function figuresOf({ mode, count, latencies, asked, errors }) {
  const rules = Object.entries(mode.rules).map(([name, { rule, atLeast }]) => {
    const subjects = [...asked[name].values()];
    const units = (list) => list.reduce((sum, one) => sum + (one.admitted ? one.units : 0), 0);
    const admitted = subjects.reduce((sum, list) => sum + units(list), 0);
    const ideal = subjects.reduce((sum, list) => sum + rule.ideal(list), 0);
    const most = Math.max(0, ...subjects.map(rule.most));
    return { name, admitted, ideal, share: ideal > 0 ? admitted / ideal : 1, most, allowed: rule.allowed, atLeast };
  });
  const { rule } = Object.values(mode.rules)[0];
  return {
    name: mode.name,
    pattern: mode.pattern.name,
    ...count,
    rules,
    smoothness: smoothnessOf([...Object.values(asked)[0].values()], rule.windowMs),
    p50Ms: latencies.percentile(50) / 1000,
    p99Ms: latencies.percentile(99) / 1000,
    firstErrors: errors,
  };
}

/**
 * How evenly a subject's admissions come: the gaps between them, and the part of them that is in
 * the first tenth of an aligned window, where there is one.
 */
function smoothnessOf(subjects, windowMs) {
  const gaps = [];
  let [early, all] = [0, 0];
  for (const asked of subjects) {
    const instants = asked
      .filter(({ admitted }) => admitted)
      .map(({ sent, answered }) => (sent + answered) / 2)
      .sort((a, b) => a - b);
    for (let i = 1; i < instants.length; i += 1) gaps.push(instants[i] - instants[i - 1]);
    all += instants.length;
    if (windowMs) early += instants.filter((at) => at % windowMs < windowMs * FIRST_PART).length;
  }
  if (gaps.length === 0) return {};
  gaps.sort((a, b) => a - b);
  const meanMs = gaps.reduce((sum, gap) => sum + gap, 0) / gaps.length;
  const variance = gaps.reduce((sum, gap) => sum + (gap - meanMs) ** 2, 0) / gaps.length;
  return {
    meanMs,
    p99Ms: gaps[Math.floor((gaps.length - 1) * 0.99)],
    variation: meanMs > 0 ? Math.sqrt(variance) / meanMs : 0,
    early: windowMs && all > 0 ? early / all : undefined,
  };
}

/**
 * A sentence for each promise that was broken. `patience` is the part of what is to be admitted at
 * least that is enough in a run of few windows.
 */
export function broken({ modes, growth, left }, patience = 1) {
  const sentences = modes.flatMap((mode) => brokenBy(mode, patience));
  for (const { name, unit, anHour, mayGrow, isTooMuch } of growth) {
    if (!isTooMuch) continue;
    const [seen, most] = [anHour, mayGrow].map((value) => (value / unit).toFixed(0));
    sentences.push(`${name}: grows by ${seen} ${unit === 1 ? "" : "MiB "}an hour, and ${most} is the most`);
  }
  return [...sentences, ...(left?.problems ?? [])];
}

function brokenBy({ name, asked, errors, firstErrors, rules }, patience) {
  const sentences = [];
  if (asked === 0) sentences.push(`${name}: was never asked`);
  if (errors > 0)
    sentences.push(`${name}: ${errors} errors, such as\n${firstErrors.map((it) => `      ${it}`).join("\n")}`);
  for (const rule of rules) {
    const which = rules.length > 1 ? `${name}, ${rule.name}` : name;
    if (rule.most > rule.allowed + ROUNDING) {
      sentences.push(`${which}: admitted ${rule.most.toFixed(1)} where ${rule.allowed} is the most`);
    }
    const enough = rule.atLeast * patience;
    if (rule.share < enough) {
      const percent = (part) => `${(part * 100).toFixed(1)} %`;
      sentences.push(`${which}: admitted ${percent(rule.share)} of the ideal, less than ${percent(enough)}`);
    }
  }
  return sentences;
}
