// Tollgate of which nobody hears that recorded use is kept: the first answer to every parcel is
// lost on its way, as it is when the machine that waits for it dies. It is sent again.

import * as tollgate from "./index.js";

const heard = new Set();

export class RecordDO extends tollgate.RecordDO {
  async call(text) {
    const answer = await super.call(text);
    const parcel = /^1 keep (\S+ \S+)\n/.exec(text)?.[1];
    if (parcel === undefined || heard.has(parcel)) return answer;
    heard.add(parcel);
    throw new Error("the answer is lost");
  }
}

export const { RateLimitDO, KeyspaceDO, DirectoryDO, PolicyDO } = tollgate;
export default tollgate.default;
