import { type ProtectOptions, verdict } from "./protect.js";

export { callerOf } from "./address.js";
export type { ProtectOptions, Rule } from "./protect.js";

/** A handler of requests, as a Worker, Deno and Bun have it. */
export type Handler<Rest extends unknown[]> = (request: Request, ...rest: Rest) => Response | Promise<Response>;

/**
 * The refusal of a request, or `null` where it may go on. The headers for its answer are in
 * `headers`.
 */
export async function check(
  options: ProtectOptions<Request>,
  request: Request,
  remote?: string,
): Promise<{ refusal: Response | null; headers: Headers }> {
  const { isAdmitted, headers, status, text } = await verdict(options, request, {
    header: (name) => request.headers.get(name),
    remote,
  });
  return { refusal: isAdmitted ? null : new Response(`${text}\n`, { status, headers }), headers };
}

/** A handler that is asked only for what is admitted, and whose answers have the headers. */
export function protect<Rest extends unknown[]>(
  options: ProtectOptions<Request>,
  handler: Handler<Rest>,
): (request: Request, ...rest: Rest) => Promise<Response> {
  return async (request, ...rest) => {
    const { refusal, headers } = await check(options, request);
    if (refusal !== null) return refusal;
    const answer = await handler(request, ...rest);
    const response = new Response(answer.body, answer);
    headers.forEach((text, name) => {
      response.headers.set(name, text);
    });
    return response;
  };
}
