"""Problems as answers: RFC 9457, in one place."""

from http import HTTPStatus
from typing import Any

from casework import problems as p

STATUS: dict[type[p.Problem], HTTPStatus] = {
    p.Malformed: HTTPStatus.BAD_REQUEST,
    p.InvalidForm: HTTPStatus.UNPROCESSABLE_ENTITY,
    p.NotSignedIn: HTTPStatus.UNAUTHORIZED,
    p.BadCode: HTTPStatus.FORBIDDEN,
    p.NotAllowed: HTTPStatus.FORBIDDEN,
    p.NotFound: HTTPStatus.NOT_FOUND,
    p.StaleVersion: HTTPStatus.CONFLICT,
    p.WrongState: HTTPStatus.CONFLICT,
    p.KeyReused: HTTPStatus.UNPROCESSABLE_ENTITY,
    p.TooLarge: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    p.NotAPicture: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    p.NotARecording: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    p.WrongOffset: HTTPStatus.CONFLICT,
    p.TooOften: HTTPStatus.TOO_MANY_REQUESTS,
    p.ClientTooOld: HTTPStatus.UPGRADE_REQUIRED,
    p.Away: HTTPStatus.SERVICE_UNAVAILABLE,
}

MEDIA_TYPE = "application/problem+json"


def status_of(problem: p.Problem) -> int:
    """The HTTP status of a problem."""
    return int(STATUS.get(type(problem), HTTPStatus.INTERNAL_SERVER_ERROR))


def body_of(problem: p.Problem, request_id: str) -> dict[str, Any]:
    """The members of the answer; `request_id` is what a user can read out to the help desk."""
    return {
        **{key: value for key, value in problem.extra.items() if value is not None},
        "type": "about:blank",
        "code": problem.code,
        "status": status_of(problem),
        "title": problem.title,
        "errors": problem.errors,
        "request_id": request_id,
    }
