// In the place of all objects: refuses whatever it is asked, and may be remembered for a second. No object is made for it, so that
// memory that grows is Tollgate's own.

import { RpcTarget, WorkerEntrypoint } from "cloudflare:workers";

class Refusing extends RpcTarget {
  call() {
    const at = Date.now();
    const decision = `decision at=${at} success=0 reason=limit deciding=0 retryAfter=60000 cacheFor=1000`;
    const standing = `standing limit=1 remaining=0 reset=${at + 60_000} refused=limit retryAt=${at + 60_000}`;
    return `1 decided\n${decision}\n${standing}`;
  }
}

export default class extends WorkerEntrypoint {
  getByName() {
    return new Refusing();
  }

  fetch() {
    return new Response();
  }
}
