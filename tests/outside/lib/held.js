// Tollgate whose objects leave something pending after each call, as HELD says: a timer of five
// seconds, or a call that nobody answers. What the test that looks for such things has to find.

import { DurableObject } from "cloudflare:workers";
import * as tollgate from "./index.js";

const holding = (Class) =>
  class extends Class {
    call(text) {
      if (this.env.HELD === "timer") setTimeout(() => {}, 5_000);
      else this.env.SILENT.getByName("nobody").call(text);
      return super.call(text);
    }
  };

export const RateLimitDO = holding(tollgate.RateLimitDO);
export const KeyspaceDO = holding(tollgate.KeyspaceDO);
export const DirectoryDO = holding(tollgate.DirectoryDO);
export const PolicyDO = holding(tollgate.PolicyDO);
export const RecordDO = tollgate.RecordDO;

export default tollgate.default;

/** A directory that never answers, for the Worker beside it. */
export class SilentDO extends DurableObject {
  call() {
    return new Promise((resolve) => setTimeout(resolve, 300_000));
  }

  fetch() {
    return this.call();
  }
}
