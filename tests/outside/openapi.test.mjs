// GET /openapi.json, and every example in it: it is sent to the built Worker, and the answer is one
// that the document describes, with no field beside.

import Ajv from "ajv/dist/2020.js";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { answersOf, operationsOf, resolved } from "../../scripts/lib/openapi.mjs";
import { server } from "./lib/server.mjs";

// Policies are made before they are asked, and deleted when nobody asks them any more.
const ORDER = [
  (it) => it.operationId === "putPolicy",
  (it) => it.method === "POST" && it.operationId !== "rollback",
  (it) => it.method === "PUT",
  (it) => it.method === "GET" || it.method === "HEAD",
  (it) => it.operationId === "rollback",
  (it) => it.method === "DELETE",
];
const LIVE = "$response.body#/permit";

let main;
let document;
beforeAll(async () => {
  main = await (await server()).start();
  document = (await main.call("GET", "/openapi.json", undefined, { token: null })).json;
});
afterAll(() => main?.remove());

const ajv = new Ajv({ strict: false, allErrors: true });
const compiled = new Map();
/** What is wrong with a value by a schema of the document; nothing where it fits. */
function wrong(schema, value) {
  const text = JSON.stringify(schema);
  if (!compiled.has(text)) compiled.set(text, ajv.compile({ ...schema, components: document.components }));
  const fits = compiled.get(text);
  return fits(value) ? [] : fits.errors.map(({ instancePath, message, params }) => [instancePath, message, params]);
}

/** The names of the examples of an operation: of its body, and of its parameters alone. */
function casesOf(operation) {
  const bodies = bodiesOf(operation);
  const ofParameters = operation.parameters.flatMap(({ examples = {} }) => Object.entries(examples));
  const names = bodies.length > 0 ? bodies.map(([name]) => name) : ofParameters.map(([name]) => name);
  const ofQuery = operation.parameters
    .filter((it) => it.in === "query")
    .flatMap((it) => Object.keys(it.examples ?? {}));
  const all = [...new Set([...names, ...ofQuery])];
  return (all.length > 0 ? all : ["only"]).map((name) => {
    const [, example] = bodies.find(([of]) => of === name) ?? [];
    const [, named] = ofParameters.find(([of]) => of === name) ?? [];
    return { name, body: example?.value, status: example?.["x-status"] ?? named?.["x-status"] };
  });
}

const bodiesOf = (operation) => Object.entries(operation.requestBody?.content["application/json"].examples ?? {});

/** The path and the query of a case. */
function urlOf(operation, name) {
  let path = operation.path;
  const query = new URLSearchParams();
  for (const parameter of operation.parameters) {
    const { examples = {}, example } = parameter;
    if (parameter.in === "path") {
      const value = examples[name]?.value ?? example ?? Object.values(examples)[0].value;
      path = path.replace(`{${parameter.name}}`, encodeURIComponent(value).replaceAll("%3A", ":"));
    } else if (parameter.in === "query" && (examples[name] || parameter.required)) {
      query.set(parameter.name, examples[name]?.value ?? example);
    }
  }
  return query.size > 0 ? `${path}?${query}` : path;
}

/** The body of a case; a permit that a link of the document leads to is a live one. */
async function bodyOf({ name, body }, operation) {
  if (body?.permit === undefined || name === "unknown") return body;
  const source = operationsOf(document).find(({ operationId }) => operationId === "limit");
  const links = Object.values(resolved(document, source.responses["200"]).links).map((it) => resolved(document, it));
  const link = links.find(({ operationId }) => operationId === operation.operationId);
  expect([operation.operationId, link?.requestBody.permit]).toEqual([operation.operationId, LIVE]);
  const [, held] = bodiesOf(source).find(([of]) => of === "held");
  const { json } = await main.call("POST", "/limit", held.value);
  return { ...body, permit: json.permit };
}

test("needs no token, is of this version, and needs no other file", async () => {
  const { status, headers, text } = await main.call("GET", "/openapi.json", undefined, { token: null });
  expect([status, headers.get("content-type"), document.openapi]).toEqual([200, "application/json", "3.1.0"]);
  const { json } = await main.call("GET", "/healthz", undefined, { token: null });
  expect(document.info.version).toBe(json.version);
  expect([...text.matchAll(/"\$ref":"([^"]*)"/g)].filter(([, target]) => !target.startsWith("#/"))).toEqual([]);
});

test("has the schema of a policy as it is served, in the words of 2020-12", async () => {
  const { json: schema } = await main.call("GET", "/schemas/policy.json", undefined, { token: null });
  const { $schema, definitions, ...rest } = schema;
  const { dependencies, ...policy } = definitions.policy;
  const told = JSON.stringify({ ...rest, $defs: { ...definitions, policy } });
  const { $defs, ...embedded } = document.components.schemas.Policy;
  const { dependentRequired, dependentSchemas, ...own } = $defs.policy;
  expect({ ...dependentRequired, ...dependentSchemas }).toEqual(dependencies);
  const text = JSON.stringify({ ...embedded, $defs: { ...$defs, policy: own } });
  expect(JSON.parse(text.replaceAll("#/components/schemas/Policy/$defs/", "#/definitions/"))).toEqual(JSON.parse(told));
});

test("every example is answered as it says", async () => {
  const sent = {};
  for (const isTurn of ORDER) {
    for (const operation of operationsOf(document).filter(isTurn)) {
      const answers = answersOf(document, operation);
      for (const example of casesOf(operation)) {
        const at = `${operation.operationId} ${example.name}`;
        const body = await bodyOf(example, operation);
        if (body !== undefined) {
          const { schema } = operation.requestBody.content["application/json"];
          expect([at, wrong(schema, body)]).toEqual([at, []]);
        }
        const url = urlOf(operation, example.name);
        const { status, headers, json } = await main.call(operation.method, url, body);
        const expected = example.status ?? Object.keys(answers).find((it) => Number(it) === status && status < 300);
        expect([at, status, json]).toEqual([at, Number(expected), json]);
        if (operation.method !== "HEAD") {
          const [[type, { schema }]] = Object.entries(answers[status].content);
          expect([at, headers.get("content-type")]).toEqual([at, type]);
          expect([at, wrong(schema, json), json]).toEqual([at, [], json]);
        }
        if (json?.code) expect(operation["x-codes"]).toContain(json.code);
        for (const [name, header] of Object.entries(answers[status].headers ?? {})) {
          const text = headers.get(name);
          if (text === null) continue;
          const { type: of, pattern = "" } = resolved(document, resolved(document, header).schema);
          expect([at, name, text]).toEqual([at, name, expect.stringMatching(of === "integer" ? /^\d+$/ : pattern)]);
        }
        sent[operation.operationId] = (sent[operation.operationId] ?? 0) + 1;
      }
    }
  }
  const unsent = operationsOf(document).filter(({ operationId }) => !sent[operationId]);
  expect(unsent.map(({ operationId }) => operationId)).toEqual([]);
});

describe("examples of answers", () => {
  test("are ones", () => {
    let count = 0;
    for (const operation of operationsOf(document)) {
      for (const [status, answer] of Object.entries(answersOf(document, operation))) {
        for (const { schema, examples = {} } of Object.values(answer.content)) {
          for (const [name, { value }] of Object.entries(examples)) {
            const at = `${operation.operationId} ${status} ${name}`;
            expect([at, wrong(schema, value)]).toEqual([at, []]);
            count += 1;
          }
        }
      }
    }
    expect(count).toBeGreaterThan(5);
  });
});
