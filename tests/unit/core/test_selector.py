"""Label selectors mean what they mean to kubectl."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from upid.core.selector import BadSelector, Selector

LABELS = {"app": "web", "env": "prod", "app.kubernetes.io/name": "shop", "empty": ""}


@pytest.mark.parametrize(
    ("text", "selects"),
    [
        ("", True),
        ("app=web", True),
        ("app==web", True),
        (" app = web , env=prod ", True),
        ("app=db", False),
        ("app!=db", True),
        ("missing!=x", True),
        ("missing=x", False),
        ("env in (prod, staging)", True),
        ("env in (staging)", False),
        ("env notin (staging),app", True),
        ("missing notin (a,b)", True),
        ("missing in (a,b)", False),
        ("app", True),
        ("!app", False),
        ("!missing", True),
        ("app.kubernetes.io/name=shop", True),
        ("empty=", True),
        ("app=web,env=staging", False),
    ],
)
def test_a_selector_selects_what_kubectl_selects(text: str, selects: bool) -> None:
    assert Selector.parse(text).matches(LABELS) is selects


@pytest.mark.parametrize(
    "text", ["a b", "=web", "a,,b", ",", "env in prod", "a=b=c", "-x=y", "a/b/c=d", "a>1"]
)
def test_what_is_no_selector_is_refused_by_its_part(text: str) -> None:
    with pytest.raises(BadSelector) as refused:
        Selector.parse(text)
    assert refused.value.hint


@given(st.text(max_size=200))
def test_any_text_is_a_selector_or_refused(text: str) -> None:
    try:
        Selector.parse(text)
    except BadSelector:
        return


@given(st.dictionaries(st.sampled_from("abc"), st.sampled_from(["", "x", "y"])))
def test_a_requirement_and_its_opposite_never_agree(labels: dict[str, str]) -> None:
    for one, other in (("a=x", "a!=x"), ("a in (x,y)", "a notin (x,y)"), ("a", "!a")):
        assert Selector.parse(one).matches(labels) != Selector.parse(other).matches(labels)
