// A sender of mails that may die at any moment, and is started again: each mail asks for its
// inbox's permission under its own id, so however often it asks, it is counted once.
//
//   TOLLGATE_URL=… TOLLGATE_TOKEN=… node mailer.mjs folder
//
// `folder/queue.json` lists the mails, each with an id and its inbox. What has been sent stands in
// `folder/sent.log`, a line each.

import { appendFileSync, existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

const { TOLLGATE_URL = "http://127.0.0.1:8787", TOLLGATE_TOKEN = "" } = process.env;
const folder = process.argv[2] ?? ".";
const sentLog = join(folder, "sent.log");

/** May this mail go out? The same answer however often it is asked. */
async function mayBeSent({ id, inbox }) {
  const response = await fetch(new URL("/limit", TOLLGATE_URL), {
    method: "POST",
    headers: { authorization: `Bearer ${TOLLGATE_TOKEN}` },
    body: JSON.stringify({ policy: "mails", identifier: inbox, idempotencyKey: id }),
  });
  const answer = await response.json();
  if (response.status !== 200 && response.status !== 429) throw new Error(answer.detail);
  if (answer.success) console.log(`asked ${id}${answer.repeated ? " again" : ""}`);
  return answer.success;
}

/** Sends it: here, notes it. A real one hands the id on, so that it is delivered once as well. */
async function send({ id, inbox }) {
  await new Promise((resolve) => setTimeout(resolve, 5));
  appendFileSync(sentLog, `${inbox} ${id}\n`);
}

const queue = JSON.parse(readFileSync(join(folder, "queue.json"), "utf8"));
const sent = existsSync(sentLog) ? readFileSync(sentLog, "utf8").split("\n") : [];
const isDone = ({ id, inbox }) => sent.includes(`${inbox} ${id}`);
for (const mail of queue.filter((it) => !isDone(it))) {
  if (await mayBeSent(mail)) await send(mail);
}
console.log("done");
