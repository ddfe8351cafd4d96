"""The API document, made from the handlers themselves."""

import re
from collections.abc import Iterable
from typing import Any

from pydantic.json_schema import models_json_schema
from tornado.web import RequestHandler

from handlers.answers import ProblemShape
from handlers.base import METHODS, PUBLIC, Handler, Routes, described, public
from handlers.problems import MEDIA_TYPE

_GROUP = re.compile(r"\(\?P<(\w+)>[^()]*\)")
COMMAND_HEADERS = {
    "Idempotency-Key": ("本次提交的 UUID，重发时不变", True),
    "If-Match": ("所看到的记录版本号", False),
    "Fangpin-Device-Time": ("按下按钮时手机的时间，ISO 8601 带时区", False),
}


def document(routes: Iterable[tuple[str, type[RequestHandler]]], version: str) -> dict[str, Any]:
    """OpenAPI 3.1 for every described method."""
    entries: list[tuple[str, str, Any, dict[str, Any]]] = []
    for path, handler in routes:
        for name in METHODS:
            method = getattr(handler, name)
            if hasattr(method, "description"):
                entries.append((path, name, method, method.description))
    models: set[Any] = {ProblemShape}
    for _, _, _, description in entries:
        if description["body"]:
            models.add(description["body"])
        models |= {model for model in description["answers"].values() if not isinstance(model, str)}
    ordered = sorted(models, key=lambda model: model.__name__)
    _, schemas = models_json_schema(
        [(model, "validation") for model in ordered], ref_template="#/components/schemas/{model}"
    )
    paths: dict[str, dict[str, Any]] = {}
    for path, name, method, description in entries:
        template, parameters = _path(path)
        paths.setdefault(template, {})[name] = _operation(method, description, parameters)
    return {
        "openapi": "3.1.0",
        "info": {"title": "防贫 fangpin", "version": version},
        "paths": dict(sorted(paths.items())),
        "components": {
            "schemas": schemas["$defs"],
            "securitySchemes": {"session": {"type": "http", "scheme": "bearer"}},
        },
    }


def _path(pattern: str) -> tuple[str, list[dict[str, Any]]]:
    """A route's pattern as an OpenAPI path, and its parameters."""
    names = [name.rstrip("_") for name in re.compile(pattern).groupindex]
    template = _GROUP.sub(lambda match: "{" + match.group(1).rstrip("_") + "}", pattern)
    schema = {"type": "string"}
    return template, [{"name": name, "in": "path", "required": True, "schema": schema} for name in names]


def _operation(method: Any, description: dict[str, Any], parameters: list[dict[str, Any]]) -> dict[str, Any]:
    found = list(parameters)
    for name, meaning in description["query"].items():
        found.append({"name": name, "in": "query", "description": meaning, "schema": {"type": "string"}})
    for name, meaning in description["headers"].items():
        found.append({"name": name, "in": "header", "description": meaning, "schema": {"type": "string"}})
    if description["command"]:
        for name, (meaning, required) in COMMAND_HEADERS.items():
            found.append(
                {
                    "name": name,
                    "in": "header",
                    "required": required,
                    "description": meaning,
                    "schema": {"type": "string"},
                }
            )
    responses: dict[str, Any] = {}
    for status, model in description["answers"].items():
        answer: dict[str, Any] = {"description": description["summary"]}
        if isinstance(model, str):
            if status != 204:
                answer["content"] = {model: {}}
        else:
            reference = {"$ref": f"#/components/schemas/{model.__name__}"}
            answer["content"] = {"application/json": {"schema": reference}}
        responses[str(status)] = answer
    problem = {"schema": {"$ref": "#/components/schemas/ProblemShape"}}
    responses["default"] = {"description": "问题", "content": {MEDIA_TYPE: problem}}
    operation: dict[str, Any] = {
        "summary": description["summary"],
        "description": (method.__doc__ or "").strip(),
        "parameters": found,
        "responses": responses,
        "security": [] if method.access == PUBLIC else [{"session": []}],
    }
    if method.access != PUBLIC:
        operation["x-verb"] = method.access
    if description["body"]:
        reference = {"$ref": f"#/components/schemas/{description['body'].__name__}"}
        operation["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": reference}},
        }
    return operation


class OpenApiHandler(Handler):
    """/api/openapi.json"""

    @public
    @described("这份接口文档", answers={200: "application/json"})
    async def get(self) -> None:
        """The document that this very server answers by."""
        self.answer(self.application.settings["openapi"]())


routes: Routes = [(r"/api/openapi.json", OpenApiHandler)]
