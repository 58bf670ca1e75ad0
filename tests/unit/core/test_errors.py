"""Every error people can meet has a code of its own, a text and a way out."""

import importlib
import pkgutil
import re
from collections import Counter

import upid
from upid.core.errors import Kind, UpidError


class Spilt(UpidError):
    """The milk is on the floor."""

    kind = Kind.CONFLICT
    code = "spilt"

    def __init__(self, what: str) -> None:
        super().__init__(f"{what!r} is spilt", hint="fetch a cloth", details={"what": what})


def family() -> list[type[UpidError]]:
    for module in pkgutil.walk_packages(upid.__path__, "upid."):
        if "migrations" not in module.name and not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    found, todo = [], [UpidError]
    while todo:
        below = todo.pop().__subclasses__()
        found += below
        todo += below
    return [one for one in found if one.__module__.startswith("upid.")]


def test_an_error_says_what_and_what_to_do() -> None:
    error = Spilt("milk")
    assert str(error) == error.message == "'milk' is spilt"
    assert error.hint == "fetch a cloth"
    assert error.details == {"what": "milk"}
    assert error.kind is Kind.CONFLICT


def test_an_error_without_details_has_none() -> None:
    assert UpidError("odd").details == {}
    assert UpidError("odd").hint == ""


def test_every_code_is_spelled_alike_and_used_once() -> None:
    own = [one.code for one in family() if "code" in vars(one)]
    assert [code for code in own if not re.fullmatch(r"[a-z][a-z0-9_]*", code)] == []
    assert [code for code, times in Counter(own).items() if times > 1] == []


def test_every_error_has_a_sentence_about_itself() -> None:
    assert [one.__name__ for one in family() if not (one.__doc__ or "").strip()] == []
