// A Worker with the package in it, as wrangler bundles it.

import * as core from "@tollgate/core";
import vectors from "../../../tests/fixtures/vectors.json";
import { check } from "./check.js";

export default {
  fetch() {
    return Response.json({ vectors: vectors.length, wrong: check(core, vectors) });
  },
};
