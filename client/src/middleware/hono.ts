import type { Decision } from "../answers.js";
import { type ProtectOptions, protection } from "./protect.js";

export type { ProtectOptions, Rule } from "./protect.js";

/** What is used of a context of Hono. */
export interface HonoContext {
  req: { header(name: string): string | undefined; raw: Request };
  set(key: "rateLimit", decision: Decision | undefined): void;
  header(name: string, value: string): void;
  text(text: string, status: 403 | 429): Response;
  env: unknown;
}

/** A middleware of Hono; `c.var.rateLimit` has the decision. */
export function tollgate<Context extends HonoContext>(
  options: ProtectOptions<Context>,
): (c: Context, next: () => Promise<void>) => Promise<Response | undefined> {
  const decide = protection(options);
  return async (c, next) => {
    const { isAdmitted, decision, headers, status, text } = await decide(c, {
      header: (name) => c.req.header(name),
      remote: remoteOf(c.env),
    });
    c.set("rateLimit", decision);
    headers.forEach((value, name) => {
      c.header(name, value);
    });
    if (!isAdmitted) return c.text(text, status as 403 | 429);
    await next();
    return undefined;
  };
}

/** The address of the connection, as `@hono/node-server` shows it. */
function remoteOf(env: unknown): string | undefined {
  const { incoming } = (env ?? {}) as { incoming?: { socket?: { remoteAddress?: string } } };
  return incoming?.socket?.remoteAddress;
}
