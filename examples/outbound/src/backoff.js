// Gets a job done with exponential backoff and full jitter: after each refusal it waits a random
// time below a bound that doubles, from one second up to twenty.

export default {
  async fetch(_, env) {
    const second = Number(env.MINUTE_MS) / 60;
    for (let attempt = 0; ; attempt++) {
      const answer = await fetch(env.UPSTREAM);
      if (answer.status !== 429) return answer;
      const bound = Math.min(20, 2 ** attempt) * second;
      await new Promise((resolve) => setTimeout(resolve, Math.random() * bound));
    }
  },
};
