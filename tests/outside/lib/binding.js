// Stands for a native rate-limit binding of which the test says over HTTP
// (`PUT /?how=admits|refuses|silent|broken`) what it does.

import { WorkerEntrypoint } from "cloudflare:workers";

let how = "admits";

export default class extends WorkerEntrypoint {
  async limit() {
    if (how === "silent") await new Promise((resolve) => setTimeout(resolve, 60_000));
    if (how === "broken") throw new Error("broken");
    return { success: how === "admits" };
  }

  fetch(request) {
    how = new URL(request.url).searchParams.get("how");
    return new Response(how);
  }
}
