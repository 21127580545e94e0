import type { Decision, MultiDecision, Reported, Settled, Status, ToppedUp } from "./answers.js";
import type { Check, Duration, MultiCheck, Real, Report, Subject } from "./questions.js";

/** What all methods answer that change something and have nothing to tell. */
type Done = { success: true };

/**
 * The type of a service binding with the entrypoint `Tollgate`, called without a `Limiter`. The
 * last argument is a token, unless the binding's `props` say who calls. A problem is an error whose
 * message begins with its code.
 */
export interface TollgateBinding {
  limit(check: Check, token?: string): Promise<Decision>;
  peek(check: Check, token?: string): Promise<Decision>;
  multi(checks: readonly Check[] | MultiCheck, token?: string): Promise<MultiDecision>;
  settle(permit: { permit: string } & Real, token?: string): Promise<Settled>;
  topup(permit: { permit: string; overage?: "deny" | "cap" | "debt" } & Real, token?: string): Promise<ToppedUp>;
  renew(permit: { permit: string; hold?: Duration }, token?: string): Promise<{ expires: number }>;
  release(permit: { permit: string }, token?: string): Promise<Done>;
  report(report: Report & { headers: Record<string, string> }, token?: string): Promise<Reported>;
  block(subject: Subject & { policy?: string; duration: Duration; reason?: string }, token?: string): Promise<Done>;
  status(subject: Subject & { policy?: string }, token?: string): Promise<Status>;
  reset(subject: Subject & { policy?: string }, token?: string): Promise<Done>;
}
