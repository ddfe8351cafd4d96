"""The inbox: every message, whatever channel it also took."""

from casework.pages import page_limit
from handlers.answers import InboxPage
from handlers.base import Handler, Routes, described, needs
from handlers.intakes import PAGE_QUERY


class InboxHandler(Handler):
    """/api/inbox"""

    @needs("inbox.read")
    @described("我的消息", query=PAGE_QUERY, answers={200: InboxPage})
    async def get(self) -> None:
        """Messages to the signed-in person, newest first."""
        limit = page_limit(self.get_argument("limit", None))
        page = await self.services.notices.inbox(self.actor, self.get_argument("cursor", None), limit)
        self.answer({"items": page.items, "next": page.next})


routes: Routes = [(r"/api/inbox", InboxHandler)]
