"""Tasks: list, read, accept, verify, hand on, and the telephone number."""

from typing import Annotated, Any

from pydantic import StringConstraints

from casework.forms import Form
from casework.ids import spoken
from casework.intake.model import VerificationForm
from casework.pages import page_limit
from casework.tasks.model import LIVE, Task
from casework.tasks.rules import colour, visible_states
from handlers.answers import ChangedShape, PhoneShape
from handlers.base import Handler, Routes, described, needs
from handlers.case_answers import AssignedShape, TaskPage, TaskShape, VerifiedShape
from handlers.intakes import PAGE_QUERY


class AssignmentForm(Form):
    """Who is to do it."""

    staff_no: Annotated[str, StringConstraints(min_length=2, max_length=20)]


def line(handler: Handler, task: Task) -> dict[str, Any]:
    """A task as it stands in a list."""
    return {
        "id": task["_id"],
        "kind": task["kind"],
        "number": spoken(task["number"]),
        "village": task["village"],
        "name": task["name"],
        "state": task["state"],
        "colour": colour(task, handler.services.clock.now()),
        "green_channel": task["green_channel"],
        "assigned": task["assignee"] is not None,
        "mine": task["assignee"] is not None and task["assignee"] == handler.actor.staff_id,
        "accept_due_at": task["accept_due_at"],
        "due_at": task["due_at"],
        "provisional": task["provisional"],
        "unmet": task["unmet"],
        "version": task["version"],
    }


class TasksHandler(Handler):
    """/api/tasks"""

    @needs("task.read")
    @described(
        "任务列表",
        query={**PAGE_QUERY, "state": "open、accepted、done、cancelled，可多选"},
        answers={200: TaskPage},
    )
    async def get(self) -> None:
        """Tasks in reach by due time; live ones unless `state` says otherwise, ended ones newest first."""
        states = visible_states(self.get_arguments("state")) or list(LIVE)
        limit = page_limit(self.get_argument("limit", None))
        page = await self.services.tasks.page(self.actor, states, self.get_argument("cursor", None), limit)
        self.answer({"items": [line(self, t) for t in page.items], "next": page.next})


class TaskHandler(Handler):
    """/api/tasks/<id>"""

    @needs("task.read")
    @described("一项任务", answers={200: TaskShape})
    async def get(self, id_: str) -> None:
        """One task with what is to be verified."""
        task, intake, content, joined = await self.services.intakes.task_view(
            self.actor, self.id_in_path(id_)
        )
        name = None
        if task["assignee"]:
            name = (await self.services.staff.get(task["assignee"]))["name"]
        self.answer(
            {
                **line(self, task),
                "intake": intake["_id"],
                "staff_name": name,
                "centre": await self._centre(task["place"]),
                "risks": intake["risks"],
                **vars(content),
                "photos": intake["photos"],
                "filing": intake["filing"],
                "joined": joined,
            }
        )

    async def _centre(self, place: str) -> dict[str, float] | None:
        centre = await self.services.regions.centre(place)
        if centre is None:
            return None
        longitude, latitude = centre["coordinates"]
        return {"longitude": longitude, "latitude": latitude}


class AcceptanceHandler(Handler):
    """/api/tasks/<id>/acceptance"""

    @needs("task.accept", "write")
    @described("接单", answers={200: ChangedShape}, command=True)
    async def post(self, id_: str) -> None:
        """The person responsible has it."""
        command = self.command("task.accept")
        task_id = self.id_in_path(id_)
        await self.answer_command(command, self.services.intakes.accept(self.actor, command, task_id))
        self.services.wake("outbox")


class VerificationHandler(Handler):
    """/api/tasks/<id>/verification"""

    @needs("task.verify", "write")
    @described("提交核实结果", body=VerificationForm, answers={200: VerifiedShape}, command=True)
    async def post(self, id_: str) -> None:
        """Record what was found; `If-Match` names the task's version that the cadre saw."""
        command = self.command("task.verify", must_have_base=True)
        form = self.form(VerificationForm)
        work = self.services.intakes.verify(self.actor, command, self.id_in_path(id_), form)
        await self.answer_command(command, work)
        self.services.wake("outbox")


class AssignmentHandler(Handler):
    """/api/tasks/<id>/assignment"""

    @needs("task.assign", "write")
    @described("指派责任人", body=AssignmentForm, answers={200: AssignedShape}, command=True)
    async def post(self, id_: str) -> None:
        """Give a task to a member of staff."""
        command = self.command("task.assign", must_have_base=True)
        form = self.form(AssignmentForm)
        work = self.services.intakes.assign(self.actor, command, self.id_in_path(id_), form.staff_no)
        await self.answer_command(command, work)
        self.services.wake("outbox")


class PhoneHandler(Handler):
    """/api/tasks/<id>/phone"""

    @needs("task.reveal_phone", "write")
    @described("查看申报人电话（每次查看都有记录）", answers={200: PhoneShape})
    async def post(self, id_: str) -> None:
        """Show the applicant's telephone number. POST, because each look leaves an audit entry."""
        self.answer({"phone": await self.services.intakes.reveal_phone(self.actor, self.id_in_path(id_))})


routes: Routes = [
    (r"/api/tasks", TasksHandler),
    (r"/api/tasks/(?P<id_>[^/]+)", TaskHandler),
    (r"/api/tasks/(?P<id_>[^/]+)/acceptance", AcceptanceHandler),
    (r"/api/tasks/(?P<id_>[^/]+)/verification", VerificationHandler),
    (r"/api/tasks/(?P<id_>[^/]+)/assignment", AssignmentHandler),
    (r"/api/tasks/(?P<id_>[^/]+)/phone", PhoneHandler),
]
