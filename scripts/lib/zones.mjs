// From the source form of the time zone database (`tzdata.zi`) to the list of names in
// crates/core/src/limit/quota/zones.txt.

/**
 * The zone that stands for UTC. As in JavaScript, what the database calls Etc/GMT is the same zone.
 */
const UTC = "UTC";
const ALWAYS_UTC = ["Etc/UTC", "Etc/GMT"];

/**
 * The list: a line for each name, in the order of their lower-case letters. A zone's own name
 * stands alone, a link is followed by the own name of the zone that it stands for. The first line
 * says of which version it is.
 */
export function zonesOf(source) {
  const lines = source.split("\n").map((line) => line.split(" "));
  const version = /^# version (\S+)$/m.exec(source)?.[1];
  if (version === undefined) throw new Error("This is no tzdata.zi: it does not begin with its version.");
  if (/backzone/.test(source)) throw new Error("This tzdata.zi leaves links out (`backzone`): take IANA's own.");
  const zones = lines.filter(([kind]) => kind === "Z").map(([, name]) => name);
  const links = new Map(lines.filter(([kind]) => kind === "L").map(([, target, name]) => [name, target]));
  const own = (name) => (links.has(name) ? own(links.get(name)) : name);
  const zone = (name) => (ALWAYS_UTC.includes(own(name)) ? UTC : own(name));
  const folded = (name) => name.toLowerCase();
  const names = [...zones, ...links.keys()].sort((a, b) => (folded(a) < folded(b) ? -1 : 1));
  const entries = names.map((name) => (zone(name) === name ? name : `${name} ${zone(name)}`));
  return `${[`# tzdata ${version}`, ...entries].join("\n")}\n`;
}
