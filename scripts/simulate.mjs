// `npm run simulate -- --scenario kills --seed 7`: isolates, objects, clocks and a network that go
// wrong, simulated around the core's own machines (docs/simulation.md). 10^9 events unless
// `--events` says otherwise.

import { run } from "./lib/process.mjs";

const binary = ["--profile", "simulation", "--package", "tollgate-simulation", "--bin", "simulate"];
run("cargo", ["run", "--quiet", "--locked", ...binary, "--", ...process.argv.slice(2)]);
