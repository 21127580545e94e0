// Calls Tollgate over its service bindings: each request is `{binding, method, args}`, and is
// answered with what the call came to.

export default {
  async fetch(request, env) {
    const { binding, method, args } = await request.json();
    try {
      return Response.json({ value: (await env[binding][method](...args)) ?? null });
    } catch ({ message, code, field, status, requestId }) {
      return Response.json({ error: { message, code, field, status, requestId } });
    }
  },
};
