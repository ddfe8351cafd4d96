"""One of the two phones on the simulator's page, whose web pages stand in a frame."""

from typing import ClassVar

from playwright.sync_api import FileChooser, FrameLocator, Locator, Page, expect

from tests.browser import WAIT_MS
from tests.story import fill_steps
from tests.touch import Touch


class FramedPhone(Touch):
    """A phone on the simulator's page.

    Args:
        page: the simulator's page, of a browser with a touch screen.
        role: ``villager`` or ``cadre``.
    """

    canvas: ClassVar[str] = "canvas"

    def __init__(self, page: Page, role: str) -> None:
        self.page, self.context = page, page.context
        self.seat: Locator = page.locator(f'.seat[data-role="{role}"]')

    @property
    def screen(self) -> FrameLocator:
        """The page inside the phone."""
        return self.seat.frame_locator(".web-frame")

    def open_menu(self, name: str) -> None:
        """Press a button of the account's menu, which opens a page."""
        self.seat.get_by_role("button", name=name, exact=True).tap()

    def open_message(self, *words: str) -> None:
        """Press the newest card with all of these words once it has arrived, which opens its page."""
        card = self.seat.locator(".card")
        for one in words:
            card = card.filter(has_text=one)
        card.last.locator(".card-more").tap(timeout=WAIT_MS)

    def back_to_chat(self) -> None:
        """Close the page inside the phone."""
        self.seat.get_by_role("button", name="关闭网页").tap()
        expect(self.seat.locator(".chat")).to_be_visible()

    def choose_photo(self, photo: bytes) -> None:
        """What the camera gives when the page next asks for a photo."""

        def give(chooser: FileChooser) -> None:
            chooser.set_files({"name": "photo.jpg", "mimeType": "image/jpeg", "buffer": photo})

        self.page.once("filechooser", give)


def report_and_accept(villager: FramedPhone, cadre: FramedPhone, number: int) -> None:
    """Have a villager of 枫木村一组 report from the account's menu, the cadre take the task from its message,
    and the villager open the word of it; `number` makes the household."""
    villager.open_menu("我要申报")
    fill_steps(villager, number)
    villager.press("提交")
    villager.see("已提交")
    spoken = villager.number()
    cadre.open_message(spoken, "您有新的核实任务")
    cadre.see("核实任务")
    cadre.press("接单")
    cadre.see("已接单，申报人会收到消息")
    villager.back_to_chat()
    villager.open_message(spoken, "干部将上门核实")
    villager.see("办到哪一步了")
