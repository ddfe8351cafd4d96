"""How tests touch a phone: by the words that a person reads, be it the mini program or web pages."""

import json
import re
from typing import ClassVar
from urllib.request import urlopen

from playwright.sync_api import BrowserContext, FrameLocator, Locator, Page, expect

from tests.browser import WAIT_MS

#: A signature, as parts of the pad's width and height.
STROKE = ((0.2, 0.6), (0.34, 0.28), (0.36, 0.72), (0.5, 0.4), (0.54, 0.66), (0.66, 0.44), (0.84, 0.56))


def xpath_text(words: str) -> str:
    """`words` as a literal of XPath, which knows no escapes."""
    return 'concat("' + '", \'"\', "'.join(words.split('"')) + '", "")'


class Touch:
    """What fingers and eyes do on a phone's screen."""

    #: What somebody signs on, as a selector.
    canvas: ClassVar[str] = "wx-canvas"
    context: BrowserContext
    page: Page
    #: Whose phone it is, as WeChat's simulator knows them, and where that listens.
    openid: str
    simulator: str

    @property
    def screen(self) -> Page | FrameLocator:
        """What fingers reach and eyes see: the whole page, or a frame in it."""
        return self.page

    # --- fingers ----------------------------------------------------------------------------------

    def press(self, *words: str) -> None:
        """Press things by all of their words, one after the other."""
        for one in words:
            self.words(one).tap()

    def fill(self, label: str, value: str) -> None:
        """Type into the field that stands after this label, or that has it as its own name or hint."""
        self.field(label).fill(value)

    def tick(self, question: str, *answers: str) -> None:
        """Choose answers to one of several questions that offer the same words."""
        asked = self.named(question)
        for answer in answers:
            asked.get_by_text(answer, exact=True).tap()

    def signal(self, there: bool) -> None:
        """Lose the signal, or find it again."""
        self.context.set_offline(not there)

    def draw(self) -> None:
        """Draw a stroke, as somebody who signs."""
        place = self.screen.locator(self.canvas).locator("visible=true")
        # Into the middle: bars at the edges of the screen may lie over it.
        place.evaluate("canvas => canvas.scrollIntoView({ block: 'center' })")
        box = place.bounding_box()
        assert box is not None
        mouse = self.page.mouse
        (first, *rest) = [(box["x"] + box["width"] * x, box["y"] + box["height"] * y) for x, y in STROKE]
        mouse.move(*first)
        mouse.down()
        for x, y in rest:
            mouse.move(x, y, steps=3)
        mouse.up()

    # --- eyes -------------------------------------------------------------------------------------

    def see(self, words: str) -> Locator:
        """Wait until these words are on the screen, whatever else stands beside them."""
        found = self.screen.get_by_text(words).locator("visible=true").first
        expect(found).to_be_visible(timeout=WAIT_MS)
        return found

    def holds(self, label: str, value: str) -> None:
        """Wait until the field with this label has this value."""
        expect(self.field(label)).to_have_value(value, timeout=WAIT_MS)

    def sees_no(self, words: str) -> None:
        """Wait until these words are nowhere on the screen."""
        expect(self.screen.get_by_text(words).locator("visible=true")).to_have_count(0, timeout=WAIT_MS)

    def number(self) -> str:
        """The report's number on the screen, as it is read out."""
        found = re.search(r"\b\d{4} \d{4} \d{4}\b", self.screen.locator("body").inner_text())
        assert found
        return found[0]

    def message(self, *words: str) -> str:
        """The link of the newest message from the account that holds all these words, once it has arrived."""
        for _ in range(WAIT_MS // 100):
            with urlopen(f"{self.simulator}/_sim/inbox?openid={self.openid}") as answer:
                items = json.load(answer)["items"]
            found = [one for one in items if one.get("url") and all(word in one["text"] for word in words)]
            if found:
                return str(found[-1]["url"])
            # The browser goes on meanwhile; what is waited for is the message.
            self.page.wait_for_timeout(100)
        raise AssertionError(f"no message with {words} on the phone of {self.openid}")

    # --- where things are -------------------------------------------------------------------------

    def words(self, words: str) -> Locator:
        """What has exactly these words; of what lies upon each other the uppermost."""
        return self.screen.get_by_text(words, exact=True).locator("visible=true").last

    def named(self, name: str) -> Locator:
        """What has exactly this name for those who hear the screen read."""
        return self.screen.locator(f'[aria-label="{name}"]').locator("visible=true").last

    def field(self, label: str) -> Locator:
        """The field with this label, name or hint."""
        text = xpath_text(label)
        labelled = f"//*[normalize-space(.)={text} or text()[normalize-space(.)={text}]]"
        after = f"{labelled}/following::*[self::input or self::textarea][1]"
        named = f"//*[(self::input or self::textarea) and (@aria-label={text} or @placeholder={text})]"
        return self.screen.locator(f"xpath=({named} | {after})").locator("visible=true").first
