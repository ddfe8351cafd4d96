/** How far the files of a command are, in words. */
import type { FileRef } from "@/core/queue";

const WORDS = { photo: "照片", recording: "录音" } as const;

/** 正在传第 2 张照片（共 5 个文件），40%; once all have arrived, the form itself is on its way. */
export function progressOf(files: readonly FileRef[], arrived: Readonly<Record<string, number>>): string {
  const at = files.findIndex((file) => (arrived[file.sha256] ?? 0) < file.size);
  const file = files[at];
  if (!file) return "正在提交…";
  const percent = Math.floor((100 * (arrived[file.sha256] ?? 0)) / file.size);
  return `正在传第 ${at + 1} 个文件（${WORDS[file.use]}，共 ${files.length} 个），已传 ${percent}%`;
}
