"""The API document: kept in docs/, and true."""

import json
import re
import subprocess
import sys
from pathlib import Path

import aiohttp
from tornado.web import RequestHandler

from handlers.base import METHODS, PUBLIC
from tests.support import API_ROUTES, Client

KEPT = Path(__file__).parents[2] / "docs" / "openapi.json"


async def test_the_document_in_docs_is_what_the_service_answers_by(
    http: aiohttp.ClientSession, service: str
) -> None:
    served = (await Client(http, service).get("/api/openapi.json")).body
    kept = json.loads(KEPT.read_bytes())
    kept["info"]["version"] = served["info"]["version"]
    assert served == kept, "run `make api` after a change of the API"
    printed = subprocess.run([sys.executable, "-m", "handlers"], capture_output=True, check=True).stdout
    assert printed == KEPT.read_bytes()


async def test_every_method_under_api_is_in_the_document(http: aiohttp.ClientSession, service: str) -> None:
    document = (await Client(http, service).get("/api/openapi.json")).body
    described = {(path, method) for path, operations in document["paths"].items() for method in operations}
    for pattern, handler in API_ROUTES:
        path = re.sub(r"\(\?P<(\w+?)_?>[^)]*\)", r"{\1}", pattern)
        for name in METHODS:
            method = getattr(handler, name)
            if method is getattr(RequestHandler, name):
                assert (path, name) not in described
                continue
            assert (path, name) in described, f"{name} {path}"
            operation = document["paths"][path][name]
            assert operation["security"] == ([] if method.access == PUBLIC else [{"session": []}])
            named = {p["name"] for p in operation["parameters"] if p["in"] == "path"}
            assert named == set(re.findall(r"\{(\w+)\}", path))
    text = json.dumps(document)
    for reference in re.findall(r'"#/components/schemas/(\w+)"', text):
        assert reference in document["components"]["schemas"]
    assert "$defs" not in text
