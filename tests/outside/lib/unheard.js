// Tollgate of which nobody hears that recorded use is kept: the first answer to every parcel is
// lost on its way, as it is when the machine that waits for it dies. It is sent again. With UNHEARD
// no parcel is kept at all.

import * as tollgate from "./index.js";

const heard = new Set();

export class RecordDO extends tollgate.RecordDO {
  async call(text) {
    if (this.env.UNHEARD && text.startsWith("1 keep")) throw new Error("it cannot be kept");
    const answer = await super.call(text);
    const parcel = /^1 keep (\S+ \S+)\n/.exec(text)?.[1];
    if (parcel === undefined || heard.has(parcel)) return answer;
    heard.add(parcel);
    throw new Error("the answer is lost");
  }
}

export const { RateLimitDO, KeyspaceDO, DirectoryDO, PolicyDO } = tollgate;
export default tollgate.default;
