// A KV namespace for raw workerd, which has none of its own: the other end of the protocol that its
// binding speaks, in the memory of one isolate. Over HTTP (`POST /`, JSON) it is told how to be:
// `delay` milliseconds until a write is shown, `slow` milliseconds before each answer, `fails`, or
// `garbled`, with lists that are none; it answers with what was done since it was last told. Like
// the platform's it takes one write of a key a second.

const YEAR_MS = 31_536_000_000;

const values = new Map();
let how = {};
let done = {};
become({});

function become(next) {
  how = { delay: 0, slow: 0, fails: false, garbled: false, ...next };
  done = { puts: [], lists: [], gets: 0 };
}

/** The newest version of a key that is shown by now. */
function shown(versions) {
  const now = Date.now();
  const version = versions.findLast(({ from }) => from <= now);
  return version && version.expiration * 1000 > now ? version : undefined;
}

function get(key) {
  done.gets++;
  const version = shown(values.get(key) ?? []);
  if (!version) return new Response(null, { status: 404 });
  return new Response(version.value, { headers: { "CF-KV-Metadata": version.metadata ?? "null" } });
}

async function put(key, search, request) {
  const last = values.get(key)?.at(-1);
  if (last && Date.now() - last.written < 1_000) return new Response("one write a second", { status: 429 });
  done.puts.push({ key, at: Date.now() });
  const ttl = Number(search.get("expiration_ttl") ?? YEAR_MS / 1000);
  if (key.length > 512 || ttl < 60) return new Response("bad key or expiration", { status: 400 });
  const version = {
    written: Date.now(),
    from: Date.now() + how.delay,
    expiration: Math.floor(Date.now() / 1000) + ttl,
    metadata: request.headers.get("CF-KV-Metadata"),
    value: await request.text(),
  };
  if ((version.metadata?.length ?? 0) > 1024) return new Response("metadata too long", { status: 413 });
  // Of the versions before, only the one that is shown until then is still of use.
  const before = (values.get(key) ?? []).slice(-1);
  values.set(key, [...before, version]);
  return new Response(null);
}

function list(search) {
  const prefix = search.get("prefix") ?? "";
  done.lists.push({ key: prefix, at: Date.now() });
  if (how.garbled) return Response.json({});
  const keys = [];
  for (const [name, versions] of values) {
    const version = name.startsWith(prefix) && shown(versions);
    if (version) keys.push({ name, expiration: version.expiration, metadata: version.metadata ?? undefined });
  }
  keys.sort((a, b) => (a.name < b.name ? -1 : 1));
  return Response.json({ keys, list_complete: true });
}

export default {
  async fetch(request) {
    const url = new URL(request.url);
    if (request.method === "POST") {
      const counted = done;
      const told = await request.text();
      if (told) become(JSON.parse(told));
      return Response.json(counted);
    }
    if (how.slow > 0) await new Promise((resolve) => setTimeout(resolve, how.slow));
    if (how.fails) return new Response("KV is down", { status: 500 });
    const key = decodeURIComponent(url.pathname.slice(1));
    if (request.method === "PUT") return put(key, url.searchParams, request);
    return key === "" ? list(url.searchParams) : get(key);
  },
};
