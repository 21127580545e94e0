// Whose request it is, by its address.

/** Of an IPv6 address so many bits are one caller: what a provider gives a household or a server. */
const PREFIX = 64;

/**
 * The name of whoever has this address: an IPv4 address as it is, also where it is written as IPv6,
 * and of an IPv6 address its network, for whoever has one has all of its addresses. `undefined`
 * where it is no address.
 */
export function callerOf(address: string, prefix: number = PREFIX): string | undefined {
  const text = address
    .trim()
    .replace(/^\[(.*)\](:\d+)?$/, "$1")
    .replace(/%.*$/, "");
  if (/^\d+\.\d+\.\d+\.\d+(:\d+)?$/.test(text)) return v4(text.replace(/:\d+$/, ""));
  const groups = v6(text);
  if (groups === undefined) return undefined;
  const mapped = groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff;
  if (mapped)
    return groups
      .slice(6)
      .flatMap((group) => [group >> 8, group & 255])
      .join(".");
  const kept = groups.map((group, at) => {
    const bits = Math.min(16, Math.max(0, prefix - at * 16));
    return group & (0xffff << (16 - bits));
  });
  return `${kept.map((group) => (group & 0xffff).toString(16)).join(":")}/${prefix}`;
}

function v4(text: string): string | undefined {
  const parts = text.split(".").map(Number);
  return parts.every((part) => part <= 255) ? parts.join(".") : undefined;
}

/** The eight groups of an IPv6 address. */
function v6(text: string): number[] | undefined {
  const embedded = /^(.*:)(\d+\.\d+\.\d+\.\d+)$/.exec(text);
  let whole = text;
  if (embedded !== null) {
    const parts = v4(embedded[2] as string)
      ?.split(".")
      .map(Number);
    if (parts === undefined) return undefined;
    const [a = 0, b = 0, c = 0, d = 0] = parts;
    whole = `${embedded[1]}${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`;
  }
  const halves = whole.split("::");
  if (halves.length > 2) return undefined;
  const groups = halves.map((half) => (half === "" ? [] : half.split(":")));
  const [head = [], tail = []] = groups;
  const missing = 8 - head.length - tail.length;
  if (halves.length === 1 ? missing !== 0 : missing < 1) return undefined;
  const all = [...head, ...Array.from({ length: halves.length === 1 ? 0 : missing }, () => "0"), ...tail];
  return all.every((group) => /^[0-9a-f]{1,4}$/i.test(group))
    ? all.map((group) => Number.parseInt(group, 16))
    : undefined;
}
