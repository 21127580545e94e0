// A page with the package in it, as it stands or as a bundler has made it.

import { check } from "./check.js";

let told;
try {
  const core = await import("@tollgate/core");
  const vectors = await (await fetch("/tests/fixtures/vectors.json")).json();
  told = { vectors: vectors.length, wrong: check(core, vectors) };
} catch (error) {
  told = { vectors: 0, wrong: [String(error)] };
}
await fetch("/told", { method: "POST", body: JSON.stringify(told) });
