/** One's own reports, as lists and as single ones. */
import type { Schema } from "@/api/client";
import { type Command } from "@/core/queue";
import { about } from "@/core/outbox";
import { listed, type Page } from "@/core/lists";
import { ask } from "@/core/session";

export type Report = Schema<"IntakeLineShape">;

export function reports() {
  return listed<Report>(
    "reports",
    (cursor) => ask("get", "/api/intakes", { query: { cursor, mine: "true" } }) as Promise<Page<Report>>,
  );
}

/** What is written about a report and has not reached the service. */
export function unsentAbout(id: string): Command[] {
  return about(`report:${id}`).filter((command) => command.state !== "sent");
}
