// `npx tollgate doctor [folder]`: what a project's configuration lacks of what this version of the
// Worker needs, which is what `dist/project/wrangler.toml` has. After `npm update tollgate` that
// may be a class with its migration, without which nothing can be deployed.

import { basename, join, resolve } from "node:path";
import { Problem, WRONG_USE } from "./problem.js";
import { configIn, templates } from "./project.js";
import { configReaderOf } from "./wrangler.js";

/** Says that nothing lacks, or throws with what does. */
export function doctor(folder, options) {
  const { name, hints } = examine(folder, options);
  const also = hints === "" ? "" : ` It could have more:\n\n${hints}`;
  console.log(`${name} has all that this version of Tollgate needs.${also}`);
}

/**
 * Throws where the configuration in `folder`, or in its environment `env`, lacks something that is
 * needed. The name of its file, and what else it could have.
 */
export function examine(folder, { env } = {}) {
  const at = resolve(folder);
  const config = configIn(at);
  if (config === undefined) {
    throw new Problem(`There is no wrangler.toml in ${at}. npx tollgate init writes a project.`, WRONG_USE);
  }
  const read = configReaderOf(at);
  const { needs, hints } = lacksOf(read(config, env), read(join(templates, "wrangler.toml")));
  const name = basename(config);
  const show = (lacks) => lacks.map(({ what, lines }) => `  - ${what}\n${shown(lines, name)}`).join("\n");
  if (needs.length > 0) {
    throw new Problem(`${name} lacks what this version of Tollgate needs:\n\n${show([...needs, ...hints])}`);
  }
  return { name, hints: show(hints) };
}

/** True where a project serves Tollgate's own objects, and not those of another Worker. */
export function servesTollgate(config) {
  return ownBindings(config).some(({ class_name }) => class_name === "RateLimitDO");
}

/**
 * What `config` lacks of `needed`, both as wrangler reads them: `needs`, without which a request or
 * the deployment fails, and `hints`, without which less is offered. Each says `what` lacks and
 * the `lines` of configuration that add it, as JSON.
 */
export function lacksOf(config, needed) {
  const needs = [...classes(config, needed), ...bindings(config, needed), ...runtime(config, needed)];
  return { needs, hints: hintsOf(config, needed) };
}

const ownBindings = ({ durable_objects }) => durable_objects.bindings.filter(({ script_name }) => !script_name);

/** Classes without a migration, by the migrations that brought them. */
function classes({ migrations }, needed) {
  const { had, outside } = classesOf(migrations);
  const tags = new Set(migrations.map(({ tag }) => tag));
  return needed.migrations.flatMap(({ tag, new_sqlite_classes }) => {
    const wrong = new_sqlite_classes.filter((name) => outside.has(name));
    const lacking = new_sqlite_classes.filter((name) => !had.has(name) && !outside.has(name));
    const lacks = wrong.map((name) => ({
      what: `${name} in new_sqlite_classes: it came with new_classes, and a deployed class cannot change that`,
    }));
    if (lacking.length === 0) return lacks;
    const migration = { tag: tags.has(tag) ? `tollgate-${tag}` : tag, new_sqlite_classes: lacking };
    const what = `a migration for ${lacking.join(" and ")}, behind the others (those that were deployed stay as they are)`;
    return [...lacks, { what, lines: { migrations: [migration] } }];
  });
}

/** The classes that there are after all migrations: with SQLite, and those `outside` of it. */
function classesOf(migrations) {
  const had = new Set();
  const outside = new Set();
  for (const { new_sqlite_classes = [], new_classes = [], renamed_classes = [], deleted_classes = [] } of migrations) {
    for (const name of new_sqlite_classes) had.add(name);
    for (const name of new_classes) outside.add(name);
    for (const { from, to } of renamed_classes) for (const kind of [had, outside]) if (kind.delete(from)) kind.add(to);
    for (const name of deleted_classes) for (const kind of [had, outside]) kind.delete(name);
  }
  return { had, outside };
}

function bindings(config, needed) {
  return needed.durable_objects.bindings.flatMap(({ name, class_name }) => {
    const same = config.durable_objects.bindings.find((binding) => binding.name === name);
    if (same?.class_name === class_name && !same.script_name) return [];
    const what = same
      ? `the binding ${name} is of ${same.class_name}${same.script_name ? ` in ${same.script_name}` : ""}, and has to be of ${class_name}`
      : `the binding ${name}`;
    return [{ what, lines: { durable_objects: { bindings: [{ name, class_name }] } } }];
  });
}

/** The date and the flags by which the runtime behaves as the Worker expects. */
function runtime(config, needed) {
  const lacks = [];
  const { compatibility_date } = needed;
  if (!(config.compatibility_date >= compatibility_date)) {
    lacks.push({ what: `a compatibility date of ${compatibility_date} or later`, lines: { compatibility_date } });
  }
  const flags = needed.compatibility_flags.filter((flag) => !config.compatibility_flags.includes(flag));
  if (flags.length > 0) {
    lacks.push({
      what: `compatibility flags: ${flags.join(", ")}`,
      lines: { compatibility_flags: [...config.compatibility_flags, ...flags] },
    });
  }
  return lacks;
}

function hintsOf(config, needed) {
  const hints = [];
  for (const { binding } of needed.kv_namespaces) {
    if (config.kv_namespaces.some((namespace) => namespace.binding === binding)) continue;
    const what = `the binding ${binding}: without it, limits that are counted through KV answer 503`;
    hints.push({ what, lines: { kv_namespaces: [{ binding }] } });
  }
  if (!config.version_metadata) {
    const { version_metadata } = needed;
    hints.push({ what: "the deployed version, for GET /healthz and the log", lines: { version_metadata } });
  }
  const { code_update_strategy } = needed.durable_objects;
  if (!config.durable_objects.code_update_strategy) {
    const what = "when objects take up new code: unless said, all of them at once";
    hints.push({ what, lines: { durable_objects: { code_update_strategy } } });
  }
  return hints;
}

/** Lines of configuration in the language of the file `name`. */
function shown(lines, name) {
  if (lines === undefined) return "";
  const text = name.endsWith(".toml") ? toml(lines) : JSON.stringify(lines, null, 2).split("\n").slice(1, -1);
  return `\n${text.map((line) => `      ${line}`.trimEnd()).join("\n")}\n`;
}

function toml(lines) {
  return Object.entries(lines).flatMap(([key, value]) => {
    const tables = Array.isArray(value) && typeof value[0] === "object";
    if (tables) return value.flatMap((item) => [`[[${key}]]`, ...assignments(item)]);
    return typeof value === "object" && !Array.isArray(value)
      ? [`[${key}]`, ...assignments(value)]
      : assignments(lines);
  });
}

const assignments = (table) => Object.entries(table).map(([key, value]) => `${key} = ${inline(value)}`);

function inline(value) {
  if (Array.isArray(value)) return `[${value.map(inline).join(", ")}]`;
  if (typeof value === "object") return `{ ${assignments(value).join(", ")} }`;
  return JSON.stringify(value);
}
