// Baseline A: a Worker that reads its JSON and answers, without an object. What HTTP alone costs.

export default {
  async fetch(request) {
    const { identifier } = await request.json();
    if (identifier === undefined) return new Response(null, { status: 400 });
    return Response.json({ success: true });
  },
};
