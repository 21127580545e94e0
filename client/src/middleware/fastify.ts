import { type NodeRequest, type ProtectOptions, protection, seenByNode } from "./protect.js";

export type { ProtectOptions, Rule } from "./protect.js";

/** What is used of a request of Fastify. */
export type FastifyRequest = NodeRequest;

/** What is used of its reply. */
export interface FastifyReply {
  code(status: number): unknown;
  header(name: string, value: string): unknown;
  send(text: string): unknown;
}

/** An `onRequest` hook of Fastify, for all routes or for one; `request.rateLimit` has the decision. */
export function tollgate<Request extends FastifyRequest>(
  options: ProtectOptions<Request>,
): (request: Request, reply: FastifyReply) => Promise<unknown> {
  const decide = protection(options);
  return async (request, reply) => {
    const { isAdmitted, decision, headers, status, text } = await decide(request, seenByNode(request));
    request.rateLimit = decision;
    headers.forEach((value, name) => {
      reply.header(name, value);
    });
    if (isAdmitted) return undefined;
    reply.code(status);
    return reply.send(text);
  };
}
