// The few lines that every example here needs: a call with a token, and its answer.

/** Calls a Tollgate. */
export function client(url, token) {
  return async (method, path, body) => {
    const response = await fetch(new URL(path, url), {
      method,
      headers: { authorization: `Bearer ${token}` },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    const answer = { status: response.status, json: await response.json() };
    // 429 is an answer; anything else above 400 is a fault of the caller or of the server.
    if (response.status >= 400 && response.status !== 429) {
      throw new Error(`${method} ${path}: ${response.status} ${answer.json.detail}`);
    }
    return answer;
  };
}

/** Runs an example against TOLLGATE_URL with TOLLGATE_TOKEN, where its file is the one started. */
export async function main(meta, run) {
  if (process.argv[1] !== new URL(meta.url).pathname) return;
  const { TOLLGATE_URL = "http://127.0.0.1:8787", TOLLGATE_TOKEN = "" } = process.env;
  console.log(await run(client(TOLLGATE_URL, TOLLGATE_TOKEN)));
}
