// Lists the names of time zones anew, after the database has named or renamed one:
// `node scripts/zones.mjs <tzdata.zi>`, from IANA's release or from the Python package `tzdata`.

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fail, root } from "./lib/process.mjs";
import { zonesOf } from "./lib/zones.mjs";

const [path] = process.argv.slice(2);
if (path === undefined) fail("Say where the database is: node scripts/zones.mjs <tzdata.zi>");
writeFileSync(join(root, "crates/core/src/limit/quota/zones.txt"), zonesOf(readFileSync(path, "utf8")));
