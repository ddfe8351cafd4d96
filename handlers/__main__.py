"""Prints the API document: ``python -m handlers > docs/openapi.json``."""

import sys

import orjson

from handlers.openapi import document
from handlers.routes import routes

#: The document that is kept says what the API is, not which release of the service answers by it.
VERSION = "0"


def main() -> None:
    """Write the document to standard output."""
    text = orjson.dumps(document(routes, VERSION), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
    sys.stdout.buffer.write(text)


if __name__ == "__main__":
    main()
