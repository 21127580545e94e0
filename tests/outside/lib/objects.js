// Asks the objects of Tollgate themselves: each request is `{name, method, args}`, with `odd` where
// an argument is one of odd.js, or with `url` and `init` in place of all but the name, and is
// answered with what the call came to. Without a name the object has none.

import { argumentsOf } from "./odd.js";

export default {
  async fetch(request, { RATE_LIMIT }) {
    const asked = await request.json();
    const { name, method, url, init } = asked;
    const object = name === undefined ? RATE_LIMIT.get(RATE_LIMIT.newUniqueId()) : RATE_LIMIT.getByName(name);
    if (url !== undefined) return object.fetch(url, init);
    try {
      return Response.json({ value: (await object[method](...argumentsOf(asked))) ?? null });
    } catch ({ message }) {
      return Response.json({ error: message });
    }
  },
};
