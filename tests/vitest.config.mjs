import { readFileSync } from "node:fs";
import { join } from "node:path";
import { cloudflareTest } from "@cloudflare/vitest-plugin";
import { defineConfig } from "vitest/config";

// Do not ask the network for a sample `request.cf`.
process.env.CLOUDFLARE_CF_FETCH_ENABLED = "false";

const here = import.meta.dirname;
const root = join(here, "..");

// Files of tests/outside that mostly wait: for clocks, for copies to grow old, for objects to fall
// asleep. Two of them at a time disturb nobody, and it saves minutes.
const WAITING = [
  "eventual",
  "eventual-upstreams",
  "idle",
  "leases",
  "overrides-fallbacks",
  "overrides-reach",
  "overrides-slow",
  "overrides-told",
  "records",
  "sleep",
  "wait-multi",
].map((name) => `outside/${name}.test.mjs`);

// Two ways to run the Worker: inside the test isolate, where time can be faked and Durable Objects
// opened up, and from outside, as a server with its own process, disk and HTTP port. The third
// project tests what runs in Node as well: the scripts, and src/hot.js.
export default defineConfig({
  root: here,
  test: {
    // The Worker's own log of decisions: thousands of lines, among which nobody would see a failing
    // test.
    onConsoleLog: (text) => !text.includes('"event":"rate_limit_'),
    projects: [
      { root, test: { name: "scripts", include: ["{scripts,bench,src}/**/*.test.mjs", "tests/schemas/*.test.mjs"] } },
      {
        plugins: [
          cloudflareTest({
            wrangler: { configPath: join(root, "wrangler.toml") },
            // Wins over a developer's own .dev.vars.
            miniflare: {
              bindings: { TOLLGATE_TOKENS: readFileSync(join(here, "fixtures/tokens.json"), "utf8") },
              ratelimits: { LOCAL_3_60: { namespace_id: "1", simple: { limit: 3, period: 60 } } },
            },
          }),
        ],
        test: { name: "inside", include: ["inside/*.test.mjs"] },
      },
      {
        test: {
          name: "outside",
          include: ["outside/*.test.mjs"],
          exclude: WAITING,
          // Servers under load and `kill -9` share the machine's cores: one file at a time keeps
          // their timing honest.
          fileParallelism: false,
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      {
        test: {
          name: "waiting",
          include: WAITING,
          maxWorkers: 2,
          sequence: { groupOrder: 1 },
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      {
        root,
        // `await using` is older than the Node that runs it.
        oxc: { target: "node22" },
        test: {
          name: "client",
          include: ["client/tests/*.test.{ts,mjs}"],
          fileParallelism: false,
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      {
        root,
        oxc: { target: "node22" },
        test: { name: "core", include: ["core/tests/*.test.ts"], testTimeout: 60_000, hookTimeout: 60_000 },
      },
    ],
  },
});
