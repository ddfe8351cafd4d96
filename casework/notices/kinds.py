"""The kinds of messages, as data: title, the fields they show in order, and their opening words.

A message carries report number, village, masked name and due time; never cause, health, phone,
address or ID number.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

FIELD_LABELS = {
    "number": "受理编号",
    "village": "所在村组",
    "name": "申报人",
    "due": "办理时限",
    "status": "当前进展",
    "at": "更新时间",
}


@dataclass(frozen=True)
class Kind:
    """`template` is our key of the template (None: customer message only); `fields` the names shown,
    in order. `delay` lets what is urgent go first: a word of receipt may wait a second when a storm
    brings many reports, the cadre's task may not."""

    title: str
    template: str | None
    fields: tuple[str, ...]
    delay: timedelta = timedelta(0)


_TASK = ("number", "village", "name", "due")

KINDS: Mapping[str, Kind] = {
    "task_new": Kind("您有新的核实任务", "task", _TASK),
    "task_assigned": Kind("有一项核实任务转交给您", "task", _TASK),
    "task_taken": Kind("任务已转交他人，您无需再办", "task", _TASK),
    "task_reminder": Kind("核实任务快到期了", "task", _TASK),
    "task_late": Kind("核实任务已超期", "task", _TASK),
    "task_unassigned": Kind("有申报无人负责，请指派", "task", _TASK),
    "task_unmet": Kind("多次入户未见到人，请督办", "task", _TASK),
    "task_joined": Kind("同一户又有新的申报", "task", _TASK),
    "task_added": Kind("申报人补充了情况", "task", _TASK),
    "correction_asked": Kind("申报人要求更正信息，请答复", "task", ("number", "village", "name")),
    "task_withdrawn": Kind("申报人已撤回，任务取消", "task", _TASK),
    "staff_unreachable": Kind("责任干部未收到微信，请转告", "task", _TASK),
    "report_received": Kind(
        "您的申报已收到", "progress", ("number", "village", "status", "due"), delay=timedelta(seconds=1)
    ),
    "report_accepted": Kind("干部已接到您的申报", "progress", ("number", "village", "status", "due")),
    "report_outcome": Kind("您的申报有结果了", "progress", ("number", "village", "status")),
    "correction_answered": Kind("您的更正要求有答复了", "progress", ("number", "village", "status")),
    "staff_welcome": Kind("您是工作人员，核实任务会推送到这里", None, ()),
    "binding_moved": Kind("您的工作人员身份已换到另一部手机", None, ()),
}


@dataclass(frozen=True)
class Template:
    """A message template: its title in WeChat's library, and which keyword takes which of our fields.

    Keywords name their type (``thing``, ``character_string``, ``time``), which WeChat checks. An account
    whose templates have other keywords keeps its own mapping beside the template's id.
    """

    title: str
    keywords: Mapping[str, str]


TEMPLATES: Mapping[str, Template] = {
    "task": Template(
        "核实任务通知",
        {
            "status": "thing1",
            "number": "character_string2",
            "village": "thing3",
            "name": "thing4",
            "due": "time5",
        },
    ),
    "progress": Template(
        "申报进度通知",
        {"status": "thing1", "number": "character_string2", "village": "thing3", "at": "time4"},
    ),
}


#: Which page of the app a message opens, by the kind of thing that it is about; all others open the inbox.
PAGES: Mapping[str, str] = {"intake": "report", "task": "task"}
#: Pages that are no single thing's, by the message's kind.
LISTS: Mapping[str, str] = {"staff_welcome": "tasks", "correction_asked": "corrections"}


def page_of(kind: str, ref: str) -> dict[str, str]:
    """The page of the app that a message opens: its name, and the id of the thing that it shows."""
    if kind in LISTS:
        return {"name": LISTS[kind]}
    thing, _, id_ = ref.partition(":")
    return {"name": PAGES[thing], "id": id_} if thing in PAGES else {"name": "inbox"}


def text_of(kind: str, fields: Mapping[str, str]) -> str:
    """The message as plain text, for customer messages and the inbox."""
    known = KINDS[kind]
    lines = [f"{FIELD_LABELS[name]}：{fields[name]}" for name in known.fields if fields.get(name)]
    return "\n".join([f"【{known.title}】", *lines])


def template_data(kind: str, fields: Mapping[str, str], keywords: Mapping[str, str]) -> dict[str, str]:
    """The values by keyword; every keyword of the template has one, a dash where there is nothing.

    `keywords` maps our fields to the template's keywords; a field that no message may carry gives a
    dash too. `status` is the message in one line: the kind's title unless it has words of its own.
    """
    allowed = {name: value for name, value in fields.items() if name in FIELD_LABELS}
    values = {"status": KINDS[kind].title, **allowed}
    return {keyword: values.get(name) or "—" for name, keyword in keywords.items()}
