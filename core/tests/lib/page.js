// A page with the package in it, without a bundler.

import { check } from "/core/tests/lib/check.js";

let told;
try {
  const core = await import("@tollgate/core"); // by the page's import map
  const vectors = await (await fetch("/tests/fixtures/vectors.json")).json();
  told = { vectors: vectors.length, wrong: check(core, vectors) };
} catch (error) {
  told = { vectors: 0, wrong: [String(error)] };
}
await fetch("/told", { method: "POST", body: JSON.stringify(told) });
