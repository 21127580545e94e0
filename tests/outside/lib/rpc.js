// Calls Tollgate over its service bindings: each request is `{binding, method, args}`, with `odd`
// where an argument is one of odd.js, and is answered with what the call came to.

import { argumentsOf } from "./odd.js";

export default {
  async fetch(request, env) {
    const asked = await request.json();
    const { binding, method } = asked;
    try {
      return Response.json({ value: (await env[binding][method](...argumentsOf(asked))) ?? null });
    } catch ({ message, code, field, status, requestId }) {
      return Response.json({ error: { message, code, field, status, requestId } });
    }
  },
};
