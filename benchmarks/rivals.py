"""The servers that `callback` is measured against, on the event loop that the service runs on.

``python -m benchmarks.rivals bare PORT BYTES`` is a Tornado handler that answers BYTES bytes and does nothing
else. ``… werobot PORT WORDS`` is WeRoBot's own Tornado handler, which answers each text with WORDS; the
account's credentials come from the environment. Either runs until it is stopped.
"""

import asyncio
import sys

from tornado.httpserver import HTTPServer
from tornado.web import Application, RequestHandler
from werobot import WeRoBot
from werobot.config import Config
from werobot.contrib.tornado import make_handler

from server.loop import new_event_loop
from server.settings import load_settings

PATH = "/wechat/callback"


def bare(size: str) -> type[RequestHandler]:
    """A handler that answers a constant of `size` bytes."""
    constant = b"x" * int(size)

    class Constant(RequestHandler):
        def post(self) -> None:
            self.finish(constant)

    return Constant


def werobot(words: str) -> type[RequestHandler]:
    """WeRoBot's handler, in safe mode."""
    settings = load_settings()
    robot = WeRoBot(
        config=Config(
            TOKEN=settings.oa_token.get_secret_value(),
            APP_ID=settings.oa_app_id,
            ENCODING_AES_KEY=settings.oa_aes_key.get_secret_value(),
            # By default it keeps a session for each person in SQLite, which no answer here needs.
            SESSION_STORAGE=False,
        )
    )
    robot.add_handler(lambda _message: words, type="text")
    handler: type[RequestHandler] = make_handler(robot)
    return handler


async def main() -> None:
    """Serve until stopped."""
    way, port, answer = sys.argv[1:]
    handler = {"bare": bare, "werobot": werobot}[way](answer)
    HTTPServer(Application([(PATH, handler)])).listen(int(port), "127.0.0.1")
    await asyncio.Event().wait()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        runner.run(main())
