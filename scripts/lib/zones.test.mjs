import { expect, test } from "vitest";
import { zonesOf } from "./zones.mjs";

test("links, and links to links, are followed by the zone's own name", () => {
  const source = `# version 2026x
# redo posix_only
R d 1916 o - Jun 14 23s 1 S
Z Europe/Berlin 0:53:28 - LMT 1893 Ap
1 c CE%sT 1945 May 24 2
Z Etc/GMT 0 - GMT
Z Etc/UTC 0 - UTC
Z Asia/Kolkata 5:30 - IST
L Etc/UTC UTC
L Europe/Berlin Europe/Oslo
L Europe/Oslo Atlantic/Jan_Mayen
L Asia/Kolkata Asia/Calcutta
L Etc/GMT GMT`;
  expect(zonesOf(source)).toBe(`# tzdata 2026x
Asia/Calcutta Asia/Kolkata
Asia/Kolkata
Atlantic/Jan_Mayen Europe/Berlin
Etc/GMT UTC
Etc/UTC UTC
Europe/Berlin
Europe/Oslo Europe/Berlin
GMT UTC
UTC
`);
});

test("a list with links left out, or another file, is refused", () => {
  expect(() => zonesOf("# version 2025b\n# ddeps backzone zone.tab\nZ Europe/Oslo 1 - CET\n")).toThrow(
    "leaves links out",
  );
  expect(() => zonesOf("Z Europe/Oslo 1 - CET\n")).toThrow("no tzdata.zi");
});
