import { type NodeRequest, type ProtectOptions, protection, seenByNode } from "./protect.js";

export type { ProtectOptions, Rule } from "./protect.js";

/** What is used of a request of Express, or of Node's own server. */
export type ExpressRequest = NodeRequest;

/** What is used of its response. */
export interface ExpressResponse {
  statusCode: number;
  setHeader(name: string, value: string): unknown;
  end(text: string): unknown;
}

/** A middleware of Express, Connect and whatever takes their form; `req.rateLimit` has the decision. */
export function tollgate<Request extends ExpressRequest>(
  options: ProtectOptions<Request>,
): (request: Request, response: ExpressResponse, next: (error?: unknown) => void) => Promise<void> {
  const decide = protection(options);
  return async (request, response, next) => {
    try {
      const { isAdmitted, decision, headers, status, text } = await decide(request, seenByNode(request));
      request.rateLimit = decision;
      headers.forEach((value, name) => {
        response.setHeader(name, value);
      });
      if (!isAdmitted) {
        response.statusCode = status;
        response.end(text);
        return;
      }
    } catch (error) {
      return next(error);
    }
    // Outside, so that nobody goes on twice where it throws.
    next();
  };
}
