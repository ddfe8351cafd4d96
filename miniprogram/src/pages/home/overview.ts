/** What the first page tells: the newest report, new messages, and for staff what is to be done. */
import { computed, reactive, ref } from "vue";

import { ago } from "@/core/clock";
import { isNew, lookedAt, type Message, messages } from "@/core/inbox";
import type { Listed } from "@/core/lists";
import { type Report, reports } from "@/core/reports";
import { isStaff } from "@/core/session";
import { type TaskLine, tasks as taskList } from "@/core/tasks";

export interface Overview {
  reports: Listed<Report>;
  inbox: Listed<Message>;
  tasks: Listed<TaskLine>;
  /** How many of the tasks are this person's to do, and how many of those are late. */
  mine: number;
  late: number;
  fresh: number;
  /** How old what is shown is, when there is no signal; empty otherwise. */
  offline: string;
  /** Why nothing new came, in words, when it was not for want of signal. */
  problem: string;
  refresh: () => Promise<void>;
}

/** A task is late when either of its limits has passed. */
export function isLate(task: TaskLine, now: number = Date.now()): boolean {
  const due = task.state === "open" ? task.accept_due_at : task.due_at;
  return Date.parse(due) < now;
}

export function overview(): Overview {
  const mine = reports();
  const inbox = messages();
  const tasks = taskList("live");
  const looked = ref(lookedAt());
  const own = computed(() => tasks.items.filter((task) => task.mine));

  async function refresh(): Promise<void> {
    looked.value = lookedAt();
    await Promise.all([mine.refresh(), inbox.refresh(), isStaff.value ? tasks.refresh() : undefined]);
  }

  return reactive({
    reports: mine,
    inbox,
    tasks,
    mine: computed(() => own.value.length),
    late: computed(() => own.value.filter((task) => isLate(task)).length),
    fresh: computed(() => inbox.items.filter((message) => isNew(message, looked.value)).length),
    offline: computed(() => {
      if (!mine.first.offline) return "";
      return mine.first.at ? `没有信号，下面是${ago(mine.first.at)}的内容。` : "现在没有信号。仍然可以填写申报，有信号时会自动发送。";
    }),
    problem: computed(() => mine.first.problem || inbox.first.problem),
    refresh,
  }) as unknown as Overview;
}
