"""HTTP, and only HTTP: read the request, decide who may, call one use case, write the answer."""
