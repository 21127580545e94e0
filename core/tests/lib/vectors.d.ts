import type { createLimiter } from "../../dist/index.js";

export interface Vector {
  name: string;
  identifier: string;
  limit: Record<string, unknown> & { algorithm?: string; limits?: { algorithm?: string }[] };
  steps: { at: number; expect: Record<string, unknown>; [option: string]: unknown }[];
}

export function follow(create: typeof createLimiter, vector: Vector): string[];
