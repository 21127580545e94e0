// Asks the objects of Tollgate themselves: each request is `{name, method, args}`, or with `url`
// and `init` in place of the last two, and is answered with what the call came to. Without a name
// the object has none.

export default {
  async fetch(request, { RATE_LIMIT }) {
    const { name, method, args, url, init } = await request.json();
    const object = name === undefined ? RATE_LIMIT.get(RATE_LIMIT.newUniqueId()) : RATE_LIMIT.getByName(name);
    if (url !== undefined) return object.fetch(url, init);
    try {
      return Response.json({ value: (await object[method](...args)) ?? null });
    } catch ({ message }) {
      return Response.json({ error: message });
    }
  },
};
