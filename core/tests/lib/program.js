// Runs in Node, Bun and Deno, which find the package by its name as their conditions say.

import { readFileSync } from "node:fs";
import * as core from "@tollgate/core";
import { check } from "./check.js";

const vectors = JSON.parse(readFileSync(new URL("../../../tests/fixtures/vectors.json", import.meta.url)));
console.log(JSON.stringify({ vectors: vectors.length, wrong: check(core, vectors) }));
