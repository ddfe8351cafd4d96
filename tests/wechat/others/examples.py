"""What the stories of all clients say, so that one look tells what differs: only the clients do."""

import io
from typing import Any

from PIL import Image

BUTTONS: list[dict[str, Any]] = [
    {"type": "click", "name": "我要求助", "key": "report"},
    {
        "name": "更多",
        "sub_button": [
            {"type": "view", "name": "政策", "url": "https://fangpin.example/policy"},
            {"type": "scancode_push", "name": "扫一扫", "key": "scan"},
        ],
    },
]
STAFF_BUTTONS: list[dict[str, Any]] = [{"type": "click", "name": "我的任务", "key": "tasks"}]

TEMPLATE = {
    "template_id": "tpl-task",
    "title": "新的任务",
    "content": "编号:{{character_string1.DATA}}\n村组:{{thing2.DATA}}\n截止:{{time3.DATA}}",
}
VALUES = {
    "character_string1": {"value": "2026-000017-4"},
    "thing2": {"value": "白石乡 枫木村"},
    "time3": {"value": "2026年7月1日 18:00"},
}
PAGE = "https://fangpin.example/m/"


def picture() -> bytes:
    """A small JPEG file."""
    file = io.BytesIO()
    Image.new("RGB", (8, 8), "green").save(file, "JPEG")
    return file.getvalue()


#: The beginning of a film; what follows is never looked at.
FILM = b"\0\0\0\x18ftypmp42" + bytes(64)
