"""What the platform's content checks find: a short list of words, each with its label.

The real checks are a model nobody outside has seen. A list that a test can set shows the same answers.
"""

from __future__ import annotations

# Source: 文本内容安全识别 (msgSecCheck), 命中标签枚举值.
CLEAN = 100
LABELS = (CLEAN, 10001, 20001, 20002, 20003, 20006, 20008, 20012, 20013, 21000)
FIRST_WORDS = {"加微信领红包": 10001, "聚众赌博": 20006, "刷单返利": 20008}


class Words:
    """The words that make a text risky."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Return to the first list."""
        self.labels: dict[str, int] = dict(FIRST_WORDS)

    def judge(self, text: str) -> tuple[int, str]:
        """Return (label, word) of the first word that the text holds; (100, "") if it holds none."""
        return next(((label, word) for word, label in self.labels.items() if word in text), (CLEAN, ""))
