// Gets a job done without any care: after each refusal it tries again a second later.

export default {
  async fetch(_, env) {
    for (;;) {
      const answer = await fetch(env.UPSTREAM);
      if (answer.status !== 429) return answer;
      await new Promise((resolve) => setTimeout(resolve, Number(env.MINUTE_MS) / 60));
    }
  },
};
