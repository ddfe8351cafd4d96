"""How tests touch a phone: by the words that a person reads, be it the mini program or web pages."""

from typing import ClassVar

from playwright.sync_api import BrowserContext, Locator, Page, expect

from tests.browser import WAIT_MS


def xpath_text(words: str) -> str:
    """`words` as a literal of XPath, which knows no escapes."""
    return 'concat("' + '", \'"\', "'.join(words.split('"')) + '", "")'


class Touch:
    """What fingers and eyes do on a phone's screen."""

    #: What somebody signs on, as a selector.
    canvas: ClassVar[str] = "wx-canvas"
    context: BrowserContext
    page: Page

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
        asked = self.page.locator(f'[aria-label="{question}"]').locator("visible=true").last
        for answer in answers:
            asked.get_by_text(answer, exact=True).tap()

    def signal(self, there: bool) -> None:
        """Lose the signal, or find it again."""
        self.context.set_offline(not there)

    def draw(self) -> None:
        """Draw a stroke, as somebody who signs."""
        place = self.page.locator(self.canvas).locator("visible=true")
        # Into the middle: bars at the edges of the screen may lie over it.
        place.evaluate("canvas => canvas.scrollIntoView({ block: 'center' })")
        box = place.bounding_box()
        assert box is not None
        mouse = self.page.mouse
        mouse.move(box["x"] + 20, box["y"] + box["height"] / 2)
        mouse.down()
        mouse.move(box["x"] + box["width"] - 20, box["y"] + box["height"] / 3, steps=8)
        mouse.up()

    # --- eyes -------------------------------------------------------------------------------------

    def see(self, words: str) -> Locator:
        """Wait until these words are on the screen, whatever else stands beside them."""
        found = self.page.get_by_text(words).locator("visible=true").first
        expect(found).to_be_visible(timeout=WAIT_MS)
        return found

    def holds(self, label: str, value: str) -> None:
        """Wait until the field with this label has this value."""
        expect(self.field(label)).to_have_value(value, timeout=WAIT_MS)

    def sees_no(self, words: str) -> None:
        """Wait until these words are nowhere on the screen."""
        expect(self.page.get_by_text(words).locator("visible=true")).to_have_count(0, timeout=WAIT_MS)

    # --- where things are -------------------------------------------------------------------------

    def words(self, words: str) -> Locator:
        """What has exactly these words; of what lies upon each other the uppermost."""
        return self.page.get_by_text(words, exact=True).locator("visible=true").last

    def field(self, label: str) -> Locator:
        """The field with this label, name or hint."""
        text = xpath_text(label)
        labelled = f"//*[normalize-space(.)={text} or text()[normalize-space(.)={text}]]"
        after = f"{labelled}/following::*[self::input or self::textarea][1]"
        named = f"//*[(self::input or self::textarea) and (@aria-label={text} or @placeholder={text})]"
        return self.page.locator(f"xpath=({named} | {after})").locator("visible=true").first
