"""Log lines: one JSON object each, on standard error, without secrets (OPS-3, SEC-8)."""

import logging
import sys
from collections.abc import Mapping
from contextvars import Token
from typing import Any, TextIO

import structlog
from structlog.contextvars import bind_contextvars, merge_contextvars, reset_contextvars
from structlog.processors import CallsiteParameter, CallsiteParameterAdder, JSONRenderer
from structlog.types import EventDict, Processor

from upid.kit.masking import masked_value

LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")

# libraries that tell at INFO and DEBUG what only their authors want to know
_QUIET = ("aiosqlite", "alembic", "asyncio", "httpcore2", "httpx2", "sqlalchemy", "uvicorn")
_FIRST = ("timestamp", "level", "logger", "event", "request_id")
_NAMES = {"func_name": "function", "lineno": "line"}


def logger(area: str) -> structlog.stdlib.BoundLogger:
    """Return the logger of an area, such as `upid.gateway`; events are words, facts are fields."""
    found: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(area)
    return found


def bind(**facts: str) -> Mapping[str, Token[Any]]:
    """Add facts to every line of this task and the tasks it starts, until `unbind`."""
    return bind_contextvars(**facts)


def unbind(bound: Mapping[str, Token[Any]]) -> None:
    """Take back what `bind` added."""
    reset_contextvars(**bound)


def configure_logs(
    level: str = "INFO", areas: Mapping[str, str] | None = None, stream: TextIO | None = None
) -> None:
    """Send all log lines, also those of libraries, to `stream` (standard error) as JSON.

    level  one of LEVELS
    areas  another level for a logger and those below it, such as {"upid.gateway": "DEBUG"}
    """
    shared = _shared()
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    lines = logging.StreamHandler(stream or sys.stderr)
    lines.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                _named,
                _masked,
                JSONRenderer(ensure_ascii=False),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [lines]
    root.setLevel(level)
    for area, its_level in {**dict.fromkeys(_QUIET, "WARNING"), **(areas or {})}.items():
        logging.getLogger(area).setLevel(its_level)


def _shared() -> list[Processor]:
    return [
        merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        CallsiteParameterAdder(
            [CallsiteParameter.MODULE, CallsiteParameter.FUNC_NAME, CallsiteParameter.LINENO]
        ),
    ]


def _named(_: object, __: str, event: EventDict) -> EventDict:
    """Put the facts that every line has first, under the names that OPS-3 gives them."""
    plain = {_NAMES.get(name, name): value for name, value in event.items()}
    first = {name: plain.pop(name) for name in _FIRST if name in plain}
    return {**first, **plain}


def _masked(_: object, __: str, event: EventDict) -> EventDict:
    return {name: masked_value(value, name) for name, value in event.items()}
