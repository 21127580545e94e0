import type { CallOptions, Request, Transport } from "./transport.js";

/** A policy as it is written; `docs/policies.md` has its fields. */
export type Policy = Record<string, unknown>;

/** What the server knows of a policy. */
export interface KnownPolicy {
  name: string;
  version: number;
  /** As it was written. */
  policy: Policy;
  /** With all that it extends. */
  resolved?: Policy;
  [more: string]: unknown;
}

/** The policies of the token's namespace. */
export class Policies {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** All of them: names, versions, bases, origins. */
  async list(options?: CallOptions): Promise<{ policies: Record<string, unknown>[]; [more: string]: unknown }> {
    return (await this.#send({ method: "GET", path: "/policies", repeatable: true }, options)) as never;
  }

  /** One of them. */
  async get(name: string, options?: CallOptions): Promise<KnownPolicy> {
    return (await this.#send({ method: "GET", path: of(name), repeatable: true }, options)) as KnownPolicy;
  }

  /** Makes or changes one; with `ifMatch` only where it is still of that version. */
  async put(name: string, policy: Policy, options: CallOptions & { ifMatch?: string } = {}): Promise<KnownPolicy> {
    const { ifMatch, ...rest } = options;
    const headers = ifMatch === undefined ? {} : { "if-match": ifMatch };
    const request = { method: "PUT", path: of(name), body: policy, headers, repeatable: false } as const;
    return (await this.#send(request, rest)) as KnownPolicy;
  }

  /** Says what a change would have done to recorded use, and changes nothing. */
  async preview(name: string, policy: Policy, options?: CallOptions): Promise<Record<string, unknown>> {
    const path = `${of(name)}?dryRun=true`;
    return (await this.#send({ method: "PUT", path, body: policy, repeatable: true }, options)) as never;
  }

  /** Deletes one. */
  async delete(name: string, options?: CallOptions): Promise<void> {
    await this.#send({ method: "DELETE", path: of(name), repeatable: false }, options);
  }

  /** Its last versions, the newest first. */
  async versions(name: string, options?: CallOptions): Promise<Record<string, unknown>> {
    return (await this.#send({ method: "GET", path: `${of(name)}/versions`, repeatable: true }, options)) as never;
  }

  /** Writes it once more as it was in an earlier version. */
  async rollback(name: string, version: number, reason?: string, options?: CallOptions): Promise<KnownPolicy> {
    const body = reason === undefined ? { version } : { version, reason };
    const request = { method: "POST", path: `${of(name)}/rollback`, body, repeatable: false } as const;
    return (await this.#send(request, options)) as KnownPolicy;
  }

  /** The most that it admits, and of a subject when the next admissions are. */
  async explain(name: string, identifier?: string, options?: CallOptions): Promise<Record<string, unknown>> {
    const about = identifier === undefined ? "" : `?${new URLSearchParams({ identifier })}`;
    const path = `${of(name)}/explain${about}`;
    return (await this.#send({ method: "GET", path, repeatable: true }, options)) as never;
  }

  async #send(request: Request, options: CallOptions | undefined): Promise<unknown> {
    return (await this.#transport.send(request, options)).body;
  }
}

const of = (name: string): string => `/policies/${encodeURIComponent(name)}`;
