"""Label and field selectors, as far as lists and watches here need them."""

import re
from collections.abc import Callable, Mapping

from tests.world.simulated.answers import bad_request

Labels = Mapping[str, str]
Match = Callable[[str, str, Labels], bool]  # of namespace, name and labels

_WORD = r"[A-Za-z0-9][-A-Za-z0-9_./]*"
_TERM = re.compile(
    rf"\s*(?:(?P<absent>!)\s*)?(?P<key>{_WORD})\s*"
    rf"(?:(?P<op>==|=|!=)\s*(?P<value>(?:{_WORD})?)"
    rf"|\s(?P<set>in|notin)\s*\((?P<values>[^()]*)\))?\s*(?:,|$)"
)
_FIELD = re.compile(r"(?P<key>[^=!,]+)(?P<op>==|=|!=)(?P<value>[^,]*)(?:,|$)")
FIELDS = ("metadata.name", "metadata.namespace")


def everything(namespace: str, name: str, labels: Labels) -> bool:
    """Match all."""
    return True


def selector(labels: str, fields: str) -> Match:
    """Return the match of a labelSelector and a fieldSelector; both empty match everything.

    Raises a 400 refusal for a selector that cannot be read.
    """
    tests = [*_label_tests(labels), *_field_tests(fields)]
    if not tests:
        return everything
    if len(tests) == 1:
        return tests[0]
    return lambda namespace, name, found: all(test(namespace, name, found) for test in tests)


def single_name(fields: str) -> str:
    """Return the one name that a fieldSelector asks for, or nothing."""
    for term in _FIELD.finditer(fields):
        if term["key"] == "metadata.name" and term["op"] != "!=":
            return term["value"]
    return ""


def _label_tests(text: str) -> list[Match]:
    tests: list[Match] = []
    at = 0
    while at < len(text):
        term = _TERM.match(text, at)
        ends_open = term is not None and term.end() == len(text) and text.rstrip().endswith(",")
        if term is None or ends_open or (term["absent"] and (term["op"] or term["set"])):
            raise bad_request(f"unable to parse requirement: {text!r}")
        tests.append(_label_test(term))
        at = term.end()
    return tests


def _label_test(term: re.Match[str]) -> Match:
    key, op = term["key"], term["op"] or term["set"]
    if op is None:
        if term["absent"]:
            return lambda _ns, _name, labels: key not in labels
        return lambda _ns, _name, labels: key in labels
    allowed = (
        {term["value"]} if term["op"] else {value.strip() for value in term["values"].split(",")}
    )
    if op in {"!=", "notin"}:  # an object without the label passes both
        return lambda _ns, _name, labels: labels.get(key) not in allowed
    return lambda _ns, _name, labels: labels.get(key) in allowed


def _field_tests(text: str) -> list[Match]:
    tests: list[Match] = []
    at = 0
    while at < len(text):
        term = _FIELD.match(text, at)
        if term is None:
            raise bad_request(f"invalid selector: {text!r}; can't understand {text[at:]!r}")
        if term["key"] not in FIELDS:
            known = ", ".join(f'"{name}"' for name in FIELDS)
            raise bad_request(f'"{term["key"]}" is not a known field selector: only {known}')
        tests.append(_field_test(term["key"], term["op"], term["value"]))
        at = term.end()
    return tests


def _field_test(key: str, op: str, value: str) -> Match:
    wanted = op != "!="
    if key == "metadata.name":
        return lambda _ns, name, _labels: (name == value) is wanted
    return lambda namespace, _name, _labels: (namespace == value) is wanted
