// The description of the API as the Worker serves it, for what sends and checks by it: the examples
// of tests/outside/openapi.test.mjs, and scripts/fuzz.mjs.

const METHODS = ["get", "put", "post", "delete", "head"];
const POLICY = "#/components/schemas/Policy";

/** What a reference leads to, with what stands beside it; anything else is itself. */
export function resolved(document, node) {
  if (typeof node?.$ref !== "string") return node;
  const { $ref, ...beside } = node;
  const words = $ref.slice(2).split("/");
  const target = words.reduce((at, word) => at[word.replaceAll("~1", "/").replaceAll("~0", "~")], document);
  return { ...resolved(document, target), ...beside };
}

/** Every operation with its method, its path, and the parameters of both. */
export function operationsOf(document) {
  return Object.entries(document.paths).flatMap(([path, item]) =>
    METHODS.filter((method) => item[method]).map((method) => ({
      ...item[method],
      method: method.toUpperCase(),
      path,
      parameters: [...(item.parameters ?? []), ...(item[method].parameters ?? [])].map((it) => resolved(document, it)),
    })),
  );
}

/**
 * A schema of answers in which each object has the fields that are described and no others. The
 * document itself leaves them open, because a later version may answer more. Policies stay
 * references: they are closed already.
 */
export function closed(document, schema, isOpen = false) {
  if (typeof schema !== "object" || schema === null || schema.$ref?.startsWith(POLICY)) return schema;
  const node = resolved(document, schema);
  const each = (fields) =>
    Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, closed(document, field)]));
  const isWhole = node.properties !== undefined || node.allOf?.some((it) => resolved(document, it).properties);
  const out = { ...node };
  if (node.properties) out.properties = each(node.properties);
  if (node.items) out.items = closed(document, node.items);
  if (node.additionalProperties) out.additionalProperties = closed(document, node.additionalProperties);
  for (const part of ["allOf", "anyOf", "oneOf"]) {
    if (node[part]) out[part] = node[part].map((it) => closed(document, it, isWhole || isOpen));
  }
  if (isWhole && !isOpen && node.additionalProperties === undefined) out.unevaluatedProperties = false;
  return out;
}

/** The answers of an operation, each with closed schemas. */
export function answersOf(document, operation) {
  const answers = Object.entries(operation.responses).map(([status, answer]) => {
    const { content = {}, ...rest } = resolved(document, answer);
    const bodies = Object.entries(content).map(([type, media]) => [
      type,
      { ...media, schema: closed(document, media.schema) },
    ]);
    return [status, { ...rest, content: Object.fromEntries(bodies) }];
  });
  return Object.fromEntries(answers);
}
