"""How the tests of this folder reach the simulator, and how Python reaches the clients for Node.js."""

import base64
import json
import shutil
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import requests
from requests.adapters import HTTPAdapter

from wechat.simulator import SimulatorConfig

Json = dict[str, Any]

#: What the accounts' owners type into their clients.
OA = {
    "app_id": "wxothers000000000oa",
    "secret": "oa-secret-for-others",
    "token": "tokenforothers",
    "aes_key": "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG",
}
MP = {
    "app_id": "wxothers000000000mp",
    "secret": "mp-secret-for-others",
    "token": "tokenofothersminiprogram",
    "aes_key": "GFEDCBA9876543210zyxwvutsrqponmlkjihgfedcba",
}
CONFIG = SimulatorConfig(
    port=0,
    oa_app_id=OA["app_id"],
    oa_secret=OA["secret"],
    oa_token=OA["token"],
    oa_aes_key=OA["aes_key"],
    mp_app_id=MP["app_id"],
    mp_secret=MP["secret"],
    mp_token=MP["token"],
    mp_aes_key=MP["aes_key"],
    callback_retry_pause_ms=1,
)

#: The host that clients write down, and under which they may be rehosted.
PLATFORM = "https://api.weixin.qq.com"

NPM = Path(__file__).parent / "npm"


class Platform:
    """A running simulator, as a test without an event loop drives it."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._http = requests.Session()
        # Proxies of the machine are not for its own addresses.
        self._http.trust_env = False

    def close(self) -> None:
        """Give the connections back."""
        self._http.close()

    def control(self, method: str, path: str, body: Any = None, **query: Any) -> Any:
        """Call `/_sim/…`."""
        answer = self._http.request(method, f"{self.url}/_sim/{path}", json=body, params=query, timeout=30)
        assert answer.status_code < 300, answer.text
        return answer.json()

    def person(self, **values: Any) -> Json:
        """A new person, following the account unless told otherwise."""
        return self.control("POST", "users", {"nickname": "村民", "role_hint": "villager", **values})

    def does(self, person: Json, kind: str, **values: Any) -> Json:
        """What a person does, delivered to the callback: the tries and the reply."""
        return self.control("POST", "events", {"openid": person["oa_openid"], "type": kind, **values})

    def code(self, person: Json, kind: str) -> str:
        """A single-use code of the kind login, oauth or phone."""
        return str(self.control("GET", "login-code", openid=person["oa_openid"], kind=kind)["code"])

    def inbox(self, person: Json) -> list[Json]:
        """What arrived on a person's phone, oldest first."""
        items: list[Json] = self.control("GET", "inbox", openid=person["oa_openid"])["items"]
        return items

    def called(self) -> set[str]:
        """The platform's paths that have been called."""
        return set(self.control("GET", "calls")["counts"])

    def browse(self, url: str) -> requests.Response:
        """Open an address of the platform as a person's browser does, without following redirections."""
        return self._http.get(url, allow_redirects=False, timeout=30)


class Rehost(HTTPAdapter):
    """Brings what a client sends to the host it has written down to a simulator instead.

    Whoever integrates an unmodified client mounts this on its `requests` session.

    Attributes:
        paths: what came by here, that is, every path for which the client offers no setting.
    """

    def __init__(self, url: str) -> None:
        super().__init__()
        self._url = url
        self.paths: set[str] = set()

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        """Send it there; proxies meant for the platform are left out."""
        assert request.url is not None
        rest = request.url.removeprefix(PLATFORM)
        self.paths.add(rest.partition("?")[0])
        request.url = self._url + rest
        return super().send(request, *args, **{**kwargs, "proxies": {}})


class NodeError(Exception):
    """What a client for Node.js has thrown.

    Attributes:
        code: WeChat's errcode, where the client tells it.
    """

    def __init__(self, error: Json) -> None:
        super().__init__(f"{error['name']}: {error['message']}")
        self.code = error["code"]


class Node:
    """The clients of npm/driver.cjs, in one process.

    Arguments:
        folder: where it runs.
    """

    def __init__(self, folder: Path) -> None:
        # Nothing of this machine is handed on: neither proxies nor options for Node.js.
        self._process = subprocess.Popen(
            [node_program(), str(NPM / "driver.cjs")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={},
            cwd=folder,
            text=True,
            encoding="utf-8",
        )

    def use(self, url: str, cache: Path, oa: Mapping[str, str] = OA) -> None:
        """Start over with new clients.

        Arguments:
            url: the simulator.
            cache: a folder for the files in which node-easywechat keeps tokens.
            oa: the official account, with the keys of `OA`.
        """
        self("driver.use", {"base": url, "cache": str(cache), "oa": dict(oa), "mp": MP})

    def __call__(self, call: str, /, *args: Any) -> Any:
        """Call one method and wait for its answer.

        Arguments:
            call: the client and its method, such as `co.createMenu`.
            args: JSON; `bytes` become a Buffer.

        Raises:
            NodeError: the client threw.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        shipped = [{"base64": base64.b64encode(a).decode()} if isinstance(a, bytes) else a for a in args]
        self._process.stdin.write(json.dumps({"call": call, "args": shipped}) + "\n")
        self._process.stdin.flush()
        # A client that never answers must not hold up the whole run.
        patience = threading.Timer(60, self._process.kill)
        patience.start()
        line = self._process.stdout.readline()
        patience.cancel()
        assert line, f"no answer to {call}; what node says is in the test's standard error"
        answer = json.loads(line)
        if "error" in answer:
            raise NodeError(answer["error"])
        result = answer["result"]
        if isinstance(result, dict) and result.keys() == {"base64"}:
            return base64.b64decode(result["base64"])
        return result

    def close(self) -> None:
        """End it."""
        self._process.communicate(timeout=30)


def node_program() -> str:
    """Return the Node.js that deploy/node.sh has chosen: the one in .venv where the system has none."""
    own = Path(sys.executable).parent / "node"
    found = str(own) if own.exists() else shutil.which("node")
    assert found is not None, "no Node.js: run bash deploy/node.sh tests/wechat/others/npm"
    assert (NPM / "node_modules").is_dir(), "run bash deploy/node.sh tests/wechat/others/npm"
    return found
