// In front of Tollgate: each tenth refusal becomes an admission, in body and status.

let refusals = 0;

export default {
  async fetch(request, { NEXT }) {
    const answer = await NEXT.fetch(request);
    if (answer.status !== 429) return answer;
    refusals += 1;
    if (refusals % 10 !== 0) return answer;
    return Response.json({ ...(await answer.json()), success: true });
  },
};
