"""Forms that pages receive: their fields, within bounds, and where a page goes on to afterwards."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from urllib.parse import parse_qsl

from starlette.requests import Request

from bot.console.uploads import UploadForm
from bot.http.messages import HttpError
from bot.http.messages import Request as BoundedRequest

MAX_FORM_FIELDS: Final = 100
MAX_FORM_BYTES: Final = 64 * 1024
FORM_TIMEOUT_S: Final = 10.0


def form_of(request: Request) -> Mapping[str, str]:
    """The fields of the form that a request brought, each with its last value."""
    return upload_of(request).fields


def upload_of(request: Request) -> UploadForm:
    """The form that a request brought, with its files."""
    form: UploadForm = request.state.form
    return form


async def read_form(request: Request) -> dict[str, str]:
    """The fields of a form, each with its last value. Raises `HttpError` for one that is too large,
    too slow, or has too many."""
    body = await BoundedRequest(request.scope, request.receive).body(MAX_FORM_BYTES, FORM_TIMEOUT_S)
    try:
        return dict(
            parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=MAX_FORM_FIELDS)
        )
    except ValueError:
        raise HttpError(400) from None
