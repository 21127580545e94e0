#!/usr/bin/env node
// The command `tollgate` of the npm package. This file is written for any Node that knows modules,
// so that one too old for the rest is told so, and not shown a syntax error.

const OLDEST_NODE = 22;

if (Number.parseInt(process.versions.node, 10) < OLDEST_NODE) {
  const line = "npm exec --yes --package=node@22 --package=tollgate -- tollgate dev";
  console.error(
    `tollgate needs Node ${OLDEST_NODE} or newer; this is ${process.versions.node}. Install a newer one ` +
      `(nodejs.org), or let npm bring one for a command:\n\n  ${line}`,
  );
  process.exitCode = 1;
} else {
  import("./main.js").then(({ main }) => main(process.argv.slice(2)));
}
