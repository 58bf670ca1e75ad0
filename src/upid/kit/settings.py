"""Settings from flags, environment, file, profile and defaults; one error names every problem.

Sections are pydantic models that live with what they set; `app/settings.py` puts them together.
"""

import json
import re
import typing
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Generic, TypeVar

from pydantic import BaseModel, BeforeValidator, SecretStr, ValidationError
from pydantic.fields import FieldInfo

from upid.core.errors import UpidError
from upid.kit.masking import MASK, masked_value

PREFIX = "UPID_"
_UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}
_DURATION = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)?\s*")
# Kubernetes puts these into every container of a namespace that has a service called `upid…`
_OF_KUBERNETES = re.compile(r"UPID_(\w+_)?(SERVICE_(HOST|PORT\w*)|PORT(_\d+_(TCP|UDP|SCTP)\w*)?)")
_LINK = re.compile(r"(tcp|udp|sctp)://")


def _duration(value: object) -> object:
    found = _DURATION.fullmatch(value) if isinstance(value, str) else None
    return timedelta(seconds=float(found[1]) * _UNITS[found[2] or "s"]) if found else value


Duration = Annotated[timedelta, BeforeValidator(_duration)]
"""A length of time, written 250ms, 30s, 10m, 12h, 7d, or as a number of seconds."""

M = TypeVar("M", bound=BaseModel)


class SettingsInvalid(UpidError):
    """Settings that cannot be used; the message names every one of them and where it is from."""

    code = "settings_invalid"

    def __init__(self, problems: Sequence[str]) -> None:
        many = "1 setting is" if len(problems) == 1 else f"{len(problems)} settings are"
        super().__init__(
            "\n".join([f"{many} wrong:", *(f"  - {problem}" for problem in problems)]),
            hint="every setting, its default and its meaning: docs/reference/settings.md",
            details={"problems": list(problems)},
        )


@dataclass(frozen=True, slots=True)
class Given:
    """A value that somebody gave, and where: `--port`, `UPID_API_PORT`, a file, a profile."""

    value: object
    origin: str


@dataclass(frozen=True, slots=True)
class Loaded(Generic[M]):
    """Settings, and where each of them is from, by dotted name; absent ones are defaults."""

    settings: M
    origins: Mapping[str, str]

    def shown(self) -> Iterator[tuple[str, object, str]]:
        """Yield name, value and origin of every setting; secrets are masked."""
        for name, _ in fields_of(type(self.settings)):
            value: object = self.settings
            for part in name.split("."):
                value = getattr(value, part)
            yield name, _presentable(name, value), self.origins.get(name, "default")


def fields_of(model: type[BaseModel], before: str = "") -> Iterator[tuple[str, FieldInfo]]:
    """Yield every setting of a tree of sections with its dotted name, in the order written."""
    for name, field in model.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from fields_of(kind, f"{before}{name}.")
        else:
            yield f"{before}{name}", field


class SettingsLoader(Generic[M]):
    """Reads settings of one tree from all their sources, the strongest first."""

    def __init__(self, model: type[M], aliases: Mapping[str, str]) -> None:
        self._model = model
        self._fields = dict(fields_of(model))
        self._variables = {**self._spelled(), **aliases}
        self._problems: list[str] = []
        self._given: dict[str, Given] = {}

    def _spelled(self) -> dict[str, str]:
        return {PREFIX + name.replace(".", "__").upper(): name for name in self._fields}

    def flags(self, flags: Mapping[str, tuple[str, object]]) -> None:
        """Take values typed on the command line: name → (flag, value); None was not typed."""
        for name, (flag, value) in flags.items():
            if value is not None:
                self._take(name, Given(value, flag))

    def environment(self, environ: Mapping[str, str], apart: Sequence[str] = ()) -> None:
        """Take UPID_ variables; `apart` are those that are read elsewhere."""
        for variable, text in sorted(environ.items()):
            if not variable.startswith(PREFIX) or variable in apart:
                continue
            name = self._variables.get(variable)
            if _OF_KUBERNETES.fullmatch(variable) and (name is None or _LINK.match(text)):
                continue
            if name is None:
                meant = _nearest(variable, self._variables)
                self._problems.append(f"{variable!r} in the environment is not known{meant}")
            else:
                self._take(name, Given(self._parsed(name, text), variable))

    def file(self, path: Path, *, required: bool) -> None:
        """Take values from a TOML file, whose tables are the sections."""
        try:
            text = path.read_text(encoding="utf-8")
            import tomllib  # after: as a rule there is no file

            document = tomllib.loads(text)
        except FileNotFoundError:
            if required:
                self._problems.append(f"the file {str(path)!r} does not exist")
            return
        except (OSError, ValueError) as error:
            self._problems.append(f"the file {str(path)!r} cannot be read: {error}")
            return
        for name, value in self._flat(document):
            if name in self._fields:
                self._take(name, Given(value, str(path)))
            else:
                meant = _nearest(name, self._fields)
                self._problems.append(f"{name!r} in {str(path)!r} is not known{meant}")

    def profile(self, name: str, values: Mapping[str, object]) -> None:
        """Take the values of a profile, which any other source overrides."""
        for key, value in values.items():
            self._take(key, Given(value, f"profile {name}"))

    def given(self, name: str) -> object:
        """Return what a setting was given so far; None when nothing was."""
        return self._given[name].value if name in self._given else None

    def load(self, defaults: Mapping[str, object] | None = None) -> Loaded[M]:
        """Return the settings. Raises SettingsInvalid with every problem of every source."""
        tree: dict[str, object] = {}
        for name, value in (defaults or {}).items():
            _plant(tree, name, value)
        for name, given in self._given.items():
            _plant(tree, name, given.value)
        settings = None
        try:
            settings = self._model.model_validate(tree)
        except ValidationError as error:
            self._problems += [self._worded(found) for found in _errors(error)]
        if settings is None or self._problems:
            raise SettingsInvalid(self._problems)
        return Loaded(settings, {name: given.origin for name, given in self._given.items()})

    def _take(self, name: str, given: Given) -> None:
        self._given.setdefault(name, given)

    def _flat(self, table: Mapping[str, object], before: str = "") -> Iterator[tuple[str, object]]:
        for key, value in table.items():
            name = before + key
            if isinstance(value, Mapping) and name not in self._fields:
                yield from self._flat(value, f"{name}.")
            else:
                yield name, value

    def _parsed(self, name: str, text: str) -> object:
        """Return a variable's text; JSON where the setting is a list or a table."""
        kind = typing.get_origin(self._fields[name].annotation)
        if isinstance(kind, type) and issubclass(kind, Mapping | list | tuple):
            try:
                return json.loads(text)
            except ValueError:
                return text
        return text

    def _worded(self, found: tuple[str, str]) -> str:
        name, message = found
        known = next(
            (key for key in self._given if key == name or name.startswith(f"{key}.")), None
        )
        if known is None:
            return f"{name!r}: {message}"
        given = self._given[known]
        value = MASK if _is_secret(self._fields[known]) else masked_value(given.value, known)
        return f"{name!r} is {value!r} (from {given.origin}): {message}"


def _errors(error: ValidationError) -> Iterator[tuple[str, str]]:
    for found in error.errors(include_input=False, include_url=False):
        name = ".".join(str(part) for part in found["loc"])
        yield name, found["msg"].removeprefix("Value error, ")


def _plant(tree: dict[str, object], name: str, value: object) -> None:
    *sections, key = name.split(".")
    for section in sections:
        tree = typing.cast("dict[str, object]", tree.setdefault(section, {}))
    tree[key] = value


def _is_secret(field: FieldInfo) -> bool:
    return SecretStr in (field.annotation, *typing.get_args(field.annotation))


def _presentable(name: str, value: object) -> object:
    if isinstance(value, SecretStr):
        return MASK
    if isinstance(value, timedelta):
        return f"{value.total_seconds():g}s"
    return masked_value(value, name)


def _nearest(wanted: str, known: Mapping[str, object]) -> str:
    from difflib import get_close_matches

    found = get_close_matches(wanted, known, n=1)
    return f"; did you mean {found[0]!r}?" if found else ""
