import { type ProtectOptions, protection } from "./protect.js";

export { callerOf } from "./address.js";
export type { ProtectOptions, Rule } from "./protect.js";

/** A handler of requests, as a Worker, Deno and Bun have it. */
export type Handler<Rest extends unknown[]> = (request: Request, ...rest: Rest) => Response | Promise<Response>;

/**
 * The refusal of a request, or `null` where it may go on. The headers for its answer are in
 * `headers`. `remote` is the address of the connection, where the platform tells it:
 * `info.remoteAddr.hostname` in Deno, `server.requestIP(request)?.address` in Bun.
 */
export function check(
  options: ProtectOptions<Request>,
  request: Request,
  remote?: string,
): Promise<{ refusal: Response | null; headers: Headers }> {
  return checking(options)(request, remote);
}

/** The same for many requests. */
export function checking(options: ProtectOptions<Request>): (...about: [Request, string?]) => ReturnType<typeof check> {
  const decide = protection(options);
  return async (request, remote) => {
    const { isAdmitted, headers, status, text } = await decide(request, {
      header: (name) => request.headers.get(name),
      remote,
    });
    return { refusal: isAdmitted ? null : new Response(`${text}\n`, { status, headers }), headers };
  };
}

/** A handler that is asked only for what is admitted, and whose answers have the headers. */
export function protect<Rest extends unknown[]>(
  options: ProtectOptions<Request>,
  handler: Handler<Rest>,
): (request: Request, ...rest: Rest) => Promise<Response> {
  const checks = checking(options);
  return async (request, ...rest) => {
    const { refusal, headers } = await checks(request);
    if (refusal !== null) return refusal;
    const answer = await handler(request, ...rest);
    const response = new Response(answer.body, answer);
    headers.forEach((text, name) => {
      response.headers.set(name, text);
    });
    return response;
  };
}
