// schemas/policy.json against the policies of tests/fixtures/policies.json, which the parser reads
// in crates/core/tests/policies.rs: so that an editor and the Worker say the same.

import { readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import Ajv from "ajv";
import { describe, expect, test } from "vitest";

const read = (path) => JSON.parse(readFileSync(new URL(`../../${path}`, import.meta.url), "utf8"));
const schema = read("schemas/policy.json");
const { base, good, bad, beyond } = read("tests/fixtures/policies.json");

// Rules that add to the fields stand apart from them. Unknown keywords and formats are errors.
const ajv = new Ajv({ strictSchema: true, strictTypes: false, allErrors: true });
ajv.addSchema(schema, "policy");
const accepts = ajv.getSchema("policy");
const fields = schema.definitions.policy.properties;

/** The paths at which an editor would mark the policy, such as `limits[0].window`. */
function marks(policy) {
  accepts(policy);
  return (accepts.errors ?? []).map(({ instancePath, params }) => {
    const name = params.missingProperty ?? params.additionalProperty ?? params.propertyName;
    const parts = instancePath
      .split("/")
      .slice(1)
      .concat(name ?? []);
    return parts.map((part, i) => (/^\d+$/.test(part) ? `[${part}]` : i > 0 ? `.${part}` : part)).join("");
  });
}

/** What a field is, through references. */
function resolved(field) {
  const target = field.$ref ?? field.allOf?.[0].$ref;
  const named = target?.split("/").slice(1);
  return { ...(named && resolved(named.reduce((at, name) => at[name], schema))), ...field };
}

/** Each field with those inside it, by its path. */
function everyField(properties, path = []) {
  return Object.entries(properties).flatMap(([name, field]) => {
    const own = [...path, name];
    return [[own.join("."), resolved(field)], ...everyField(resolved(field).properties ?? {}, own)];
  });
}

describe("the schema of a policy", () => {
  test("is one of draft-07", () => {
    expect(schema.$schema).toBe("http://json-schema.org/draft-07/schema#");
    ajv.validateSchema(schema);
    expect(ajv.errors).toBe(null);
  });

  test("accepts what the parser accepts", () => {
    const refused = [base, ...good].filter((policy) => !accepts(policy));
    expect(refused).toEqual([]);
  });

  test("refuses what the parser refuses", () => {
    const accepted = bad.filter(({ policy }) => accepts(policy));
    expect(accepted).toEqual([]);
  });

  test("refuses it at the field that is wrong", () => {
    // Of a policy with `extends` the parser names the place in the whole one.
    const places = bad.filter(({ policy, field }) => field !== "body" && !policy.extends);
    const elsewhere = places.filter(({ policy, field, marked = field }) => !marks(policy).includes(marked));
    expect(elsewhere).toEqual([]);
  });

  test("knows what it cannot say, which the parser refuses", () => {
    const refused = beyond.filter(({ policy }) => !accepts(policy));
    expect(refused).toEqual([]);
  });

  test("has each of its fields and words in a policy that is accepted", () => {
    const text = JSON.stringify(good);
    const all = everyField(fields).flatMap(([path, { enum: words = [] }]) => [path.split(".").pop(), ...words]);
    expect(all.length).toBeGreaterThan(70);
    expect(all.filter((word) => !text.includes(JSON.stringify(word)))).toEqual([]);
  });

  test("describes every field, and every field takes its own examples and default", () => {
    for (const [path, field] of everyField(fields)) {
      const { description, examples = [], default: absent } = field;
      expect([path, description]).toEqual([path, expect.stringMatching(/\w/)]);
      const takes = ajv.compile({ ...field, definitions: schema.definitions });
      for (const value of [...examples, ...(absent === undefined ? [] : [absent])]) {
        expect([path, value, takes(value)]).toEqual([path, value, true]);
      }
    }
    expect(schema.examples.filter((policy) => !accepts(policy))).toEqual([]);
  });

  test("is small enough to be part of the Worker", () => {
    const text = JSON.stringify(schema);
    expect(text.length).toBeLessThan(20_000);
    expect(gzipSync(text, { level: 9 }).length).toBeLessThan(4_608);
  });
});
