import { describe, expect, it } from "vitest";
import { cpuRatioOf, judge, rateRatioOf, TARGETS, verdict } from "./targets.mjs";

describe("a verdict", () => {
  it("is met only if the worse end of the interval meets the target", () => {
    expect(verdict({ atLeast: 0.9 }, { low: 0.9, high: 1 })).toBe("met");
    expect(verdict({ atMost: 8 }, { low: 1, high: 8 })).toBe("met");
  });

  it("is missed only if the better end misses it", () => {
    expect(verdict({ atLeast: 0.9 }, { low: 0.8, high: 0.89 })).toBe("missed");
    expect(verdict({ atMost: 8 }, { low: 8.1, high: 9 })).toBe("missed");
  });

  it("is not established in between, and without an interval", () => {
    expect(verdict({ atLeast: 0.9 }, { low: 0.89, high: 0.95 })).toBe("not established");
    expect(verdict({ atMost: 8 }, { low: 7, high: 8.1 })).toBe("not established");
    expect(verdict({ atMost: 8 }, { median: 1 })).toBe("not established");
  });

  it("says what was not measured", () => {
    expect(judge({}).map((target) => target.verdict)).toEqual(TARGETS.map(() => "not measured"));
  });
});

describe("the ratios", () => {
  const rounds = (requests, cpu) => Array.from({ length: 9 }, () => ({ requests, seconds: 10, serverCpuSeconds: cpu }));
  const samples = { T: rounds(200, 10), D: rounds(100, 10), Bt: rounds(400, 10) };

  it("are above 1 where Tollgate takes less time or answers more", () => {
    expect(cpuRatioOf(samples, "D")).toMatchObject({ median: 2, low: 2, high: 2 });
    expect(rateRatioOf(samples, "Bt").median).toBe(0.5);
  });

  it("compare the SDK's limit() with the native one, the other way round", () => {
    const samples = { T: rounds(200, 10), U: rounds(160, 10) };
    const figures = judge({ "sdk-allowed-disk": { samples } }).filter(({ median }) => median !== undefined);
    expect(figures).toMatchObject([{ median: 0.8, verdict: "met" }]);
  });

  it("decide the targets that name them", () => {
    const [bt, d] = judge({ "hot-allowed-tmpfs": { samples } });
    expect(bt).toMatchObject({ verdict: "missed", median: 0.5 });
    expect(d).toMatchObject({ verdict: "met", median: 2 });
  });

  it("take the slowest algorithm of the core", () => {
    const subject = (name, ns) => ({ name, ns: Array(9).fill(ns) });
    const subjects = [
      subject("admit and update: quota", 1),
      subject("admit and update: tokenBucket", 6),
      subject("admit and update: slidingLog", 99),
      subject("governor", 999),
    ];
    const written = { admitted: { rows: 100 }, refused: { rows: 0 } };
    const verdicts = judge({ core: { subjects, written } });
    const admitting = verdicts.filter(({ name }) => name.startsWith("core: admit and update"));
    expect(admitting).toMatchObject([
      { median: 6, verdict: "missed" },
      { median: 99, verdict: "missed" },
    ]);
    expect(verdicts.filter(({ unit }) => unit === "rows")).toMatchObject([
      { median: 1, verdict: "met" },
      { median: 0, verdict: "met" },
    ]);
  });
});
