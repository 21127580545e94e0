// Runs in Node, Bun and Deno, which find the package by its name as their conditions say.

import * as client from "tollgate";
import * as compat from "tollgate/compat";
import * as flow from "tollgate/flow";
import { visit } from "./visit.js";

const [url, token, identifier] = ["TOLLGATE_URL", "TOLLGATE_TOKEN", "IDENTIFIER"].map((name) => process.env[name]);
console.log(JSON.stringify(await visit({ client, flow, compat }, { url, token, identifier })));
