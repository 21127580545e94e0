import { spawnSync } from "node:child_process";
import { describe, expect, test } from "vitest";
import { within } from "./hot.js";

const failed = () => Promise.reject(new Error("out of reach"));
const never = () => new Promise(() => {});

describe("within", () => {
  test("settles as the promise does, or rejects with undefined", async () => {
    expect(await within(Promise.resolve(7), 1_000)).toBe(7);
    await expect(within(failed(), 1_000)).rejects.toThrow("out of reach");
    await expect(within(never(), 1)).rejects.toBe(undefined);
  });

  // By a program of its own: Node ends one that has a rejection which nobody handles. It ends by
  // itself only when no timer is left, so a timer of a minute would show as well.
  test("is no unhandled rejection before it is awaited, or when it never is, and leaves no timer", () => {
    const program = `
      import { within } from ${JSON.stringify(new URL("./hot.js", import.meta.url).href)};
      const begun = [
        within(Promise.reject(new Error("out of reach")), 60_000),
        within(new Promise(() => {}), 1),
      ];
      await new Promise((resolve) => setTimeout(resolve, 20));
      const told = await Promise.allSettled(begun.slice(0, 1));
      console.log(told[0].status);
    `;
    const options = { encoding: "utf8", timeout: 20_000 };
    const { status, stdout, stderr } = spawnSync(process.execPath, ["--input-type=module", "--eval", program], options);
    expect({ status, stdout, stderr }).toMatchObject({ status: 0, stdout: "rejected\n" });
  });
});
