/** What is sent of a report. */
import type { Body, Schema } from "@/api/client";
import { dayOf } from "@/core/clock";
import { normalIdNo } from "@/core/idcard";
import type { FileRef } from "@/core/queue";

import { type Detail, detailsOf, needsGuardian, normalPhone, placeOf, reasonOf, type ReportDraft } from "./form";

type Sent = Body<"/api/intakes", "post">;
type Band = Schema<"Amount">["band"];

/** The form as the service takes it. What was given for a hardship that was taken back is left out. */
export function bodyOf(draft: ReportDraft, today: string = dayOf(Date.now())): Sent {
  const asked = detailsOf(draft.risks);
  const given = (name: Detail) => (asked.has(name) ? draft[name] : "");
  const amount = (name: Detail) => (given(name) ? { fen: null, band: given(name) as Band } : null);
  const state = (name: Detail) => (given(name) || null) as Sent["housing"];
  const name = draft.applicant_name.trim();
  const guardian = needsGuardian(draft, today);
  const signature = draft.signature?.sha256 ?? null;
  return {
    id: draft.id,
    applicant_name: name,
    relation: draft.relation,
    phone: normalPhone(draft.phone),
    id_no: normalIdNo(draft.id_no),
    head_id_no: draft.relation !== "self" && draft.head_id_no ? normalIdNo(draft.head_id_no) : null,
    place: placeOf(draft),
    members_affected: Number(draft.members_affected) || null,
    risks: [...draft.risks],
    risks_remark: draft.risks.includes("other") ? draft.risks_remark.trim() : "",
    event_date: draft.event_date || null,
    own_paid_medical: amount("own_paid_medical"),
    own_paid_schooling: amount("own_paid_schooling"),
    income_lost: amount("income_lost"),
    housing: state("housing"),
    water: state("water"),
    wanted_help: [...draft.wanted_help],
    statement: draft.statement.trim(),
    photos: draft.photos.map(({ sha256, kind }) => ({ sha256, kind })),
    voice: draft.voice?.sha256 ?? null,
    position: draft.position,
    consent: {
      version: draft.agreed,
      agreed: true,
      signed_by: guardian ? "guardian" : "applicant",
      signed_name: guardian ? draft.guardian_name.trim() : name,
      signature: draft.proxy ? null : signature,
    },
    filed_for: draft.proxy ? { reason: reasonOf(draft), evidence: signature ?? "" } : null,
  };
}

/** The files that have to be on the service before the report is. */
export function filesOf(draft: ReportDraft): FileRef[] {
  const all = [...draft.photos, draft.voice, draft.signature].filter((file): file is FileRef => file !== null);
  return all.map(({ sha256, use, size }) => ({ sha256, use, size }));
}
