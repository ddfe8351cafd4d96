/** What codes of the service are called on screen, and in which colour; the word alone says it too. */

export interface Word {
  word: string;
  kind: "plain" | "good" | "warn" | "bad";
}

export const INTAKE_STATES: Record<string, Word> = {
  submitted: { word: "已提交，等干部接单", kind: "warn" },
  verifying: { word: "干部核实中", kind: "warn" },
  verified: { word: "已核实", kind: "good" },
  joined: { word: "已合并办理", kind: "plain" },
  withdrawn: { word: "已撤回", kind: "plain" },
};

export const TASK_STATES: Record<string, Word> = {
  open: { word: "待接单", kind: "warn" },
  accepted: { word: "已接单", kind: "plain" },
  done: { word: "已办完", kind: "good" },
  cancelled: { word: "已取消", kind: "plain" },
};

export const FINDINGS: Record<string, Word> = {
  true: { word: "情况属实", kind: "good" },
  partly: { word: "部分属实", kind: "good" },
  not_true: { word: "与申报不符", kind: "bad" },
  could_not_meet: { word: "没见到人", kind: "warn" },
};

export const CORRECTION_STATES: Record<string, Word> = {
  open: { word: "等待答复", kind: "warn" },
  corrected: { word: "已更正", kind: "good" },
  kept: { word: "核对后保持原样", kind: "plain" },
};

/** A code that this version of the client does not know yet is shown plainly instead of an empty place. */
export function wordOf(table: Record<string, Word>, code: string | null | undefined): Word {
  return (code ? table[code] : undefined) ?? { word: code || "—", kind: "plain" };
}

/** A report's state; once verified, what was found says more. */
export function reportWord(report: { state: string; finding?: string | null }): Word {
  return report.state === "verified" && report.finding
    ? wordOf(FINDINGS, report.finding)
    : wordOf(INTAKE_STATES, report.state);
}

export const ROLES: Record<string, string> = {
  grid_worker: "网格员",
  village_cadre: "村干部",
  helper: "帮扶责任人",
  village_head: "村支书/第一书记",
  township_reviewer: "乡镇审核员",
  county_approver: "县级审批员",
  supervisor: "督查员",
  account_admin: "公众号管理员",
};

/** What the report form asks, in its order; `told.ts` makes lines of it. */
export const REPORT_FIELDS: Record<string, string> = {
  applicant_name: "姓名",
  relation: "与户主的关系",
  phone: "联系电话",
  id_no: "身份证号",
  head_id_no: "户主身份证号",
  place: "所在村组",
  members_affected: "有困难的家人数",
  risks: "遇到的困难",
  risks_remark: "其他困难",
  event_date: "什么时候发生",
  own_paid_medical: "自己付的看病钱",
  own_paid_schooling: "自己付的上学钱",
  income_lost: "减少的收入",
  housing: "住房",
  water: "饮水",
  wanted_help: "希望得到的帮助",
  statement: "说明",
  position: "家的位置",
  filed_for_reason: "代办原因",
};

export const SAFETY: Record<string, string> = { safe: "安全", unsure: "说不准", unsafe: "不安全" };

export const BANDS: Record<string, string> = {
  none: "没有",
  under_2000: "2000 元以下",
  "2000_5000": "2000 到 5000 元",
  "5000_20000": "5000 到 2 万元",
  over_20000: "2 万元以上",
};

/** Who files for others, and who may make the code that binds a colleague's phone. */
export const FILERS = ["grid_worker", "village_cadre", "village_head", "township_reviewer"];
export const CODE_ISSUERS = ["village_head", "township_reviewer", "county_approver", "supervisor"];

/** A report's number as people read it out: in groups of four. */
export function inFours(number: string): string {
  return number.replace(/(\d{4})(?=\d)/g, "$1 ");
}
