"""Leaves out of the import of Chroma what sends its traces, which nobody has asked for.

Chroma names an exporter of OpenTelemetry's, and that one brings gRPC and Protocol Buffers: 14 MB,
and a quarter of the time that the import takes.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

_PACKAGE = "opentelemetry.exporter.otlp.proto.grpc"
_MODULE = f"{_PACKAGE}.trace_exporter"


@contextmanager
def late_trace_exporter() -> Iterator[None]:
    """What the block imports imports the exporter where it makes one."""
    if _PACKAGE in sys.modules:
        yield
        return
    package, module = ModuleType(_PACKAGE), ModuleType(_MODULE)
    vars(module)["OTLPSpanExporter"] = _make_exporter
    stand_ins = {_PACKAGE: package, _MODULE: module}
    sys.modules.update(stand_ins)
    try:
        yield
    finally:
        for name in stand_ins:  # whoever imports them from now on gets their own
            sys.modules.pop(name, None)


def _make_exporter(*arguments: Any, **options: Any) -> Any:
    from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter

    return OTLPSpanExporter(*arguments, **options)
