"""Every format carries hostile names unharmed, and the terminal's lines fit."""

import csv
import io
import json
import re

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.program.answers import HOSTILE, cluster
from tests.program.test_text import STEERING
from upid.cli.flags import Flags
from upid.cli.output.formats import Format, arranged, render
from upid.cli.output.paint import Paint
from upid.cli.output.text import width
from upid.cli.refusals import Refusal
from upid.cli.reports.cluster import cluster_view
from upid.client.types import ClusterAnalysis

PLAIN, COLOURED = Paint(on=False), Paint(on=True)
ANSI = re.compile(r"\x1b\[\d+m")
COMMAND = re.compile(r"^\s*\S*upid ")
names = st.lists(
    st.one_of(st.text(min_size=1, max_size=30), st.sampled_from(HOSTILE)), min_size=1, max_size=4
).map(tuple)


def shown(
    form: Format, room: int = 80, paint: Paint = PLAIN, found: ClusterAnalysis | None = None
) -> str:
    flags = Flags(recording=["x"], output=form)
    return render(cluster_view(found or cluster(), flags), form, paint, room)


@given(names, st.integers(min_value=40, max_value=160))
@settings(max_examples=40)
def test_every_line_but_commands_fits_the_terminal(found: tuple[str, ...], room: int) -> None:
    for line in shown(Format.TABLE, room, found=cluster(found)).splitlines():
        assert width(line) <= room or COMMAND.match(line)


@given(names)
@settings(max_examples=25)
def test_no_format_lets_a_name_steer_the_terminal(found: tuple[str, ...]) -> None:
    for form in Format:
        text = shown(form, found=cluster(found))
        assert not STEERING.search(text.replace("\n", ""))


def test_colour_changes_nothing_but_colour() -> None:
    assert ANSI.sub("", shown(Format.TABLE, paint=COLOURED)) == shown(Format.TABLE)


def test_json_and_yaml_hold_the_names_as_they_are() -> None:
    """CLI-1: machines get the truth, in an envelope as kubectl has it."""
    for found in (json.loads(shown(Format.JSON)), yaml.safe_load(shown(Format.YAML))):
        assert found["apiVersion"] == "upid.io/v1"
        assert found["kind"] == "ClusterAnalysis"
        assert found["metadata"]["name"] == HOSTILE[0]
        assert [waste["name"] for waste in found["wastes"]] == list(HOSTILE)


def test_no_spreadsheet_finds_a_formula() -> None:
    rows = list(csv.reader(io.StringIO(shown(Format.CSV))))
    assert len(rows) == len(HOSTILE) + 1
    by_name = cluster(("=1+1", "@cmd", "+1", "-1", "\tx"))
    for row in csv.reader(io.StringIO(shown(Format.CSV, found=by_name))):
        assert not any(cell.startswith(("=", "@", "+", "\t")) for cell in row)
    assert "'=1+1 asks for" in shown(Format.CSV, found=by_name)


def test_markdown_tables_keep_their_columns() -> None:
    text = shown(Format.MARKDOWN)
    assert "pipe\\|and\\`tick\\`" in text
    tables = [part.splitlines() for part in text.split("\n\n") if part.startswith("|")]
    assert tables
    for table in tables:
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in table}) == 1


def test_html_is_one_file_that_loads_nothing_and_runs_nothing() -> None:
    page = shown(Format.HTML)
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert not re.search(r"(?:src|href)=|url\(|@import|https?:", page)
    assert "prefers-color-scheme:dark" in page


def test_shown_parts_add_up_to_the_shown_total() -> None:
    """COST-1: to the cent, where people see it."""
    found = cluster(("x",), used=0.333333, headroom=0.333333, workload_idle=0.333334)
    text = shown(Format.TABLE, 100, found=found)
    rows = re.findall(r"^  [█▓▒░·:]  .*?\$([\d,.]+)", text, re.MULTILINE)
    total = re.search(r"^  =  a month +\$([\d.]+)", text, re.MULTILINE)
    assert total is not None
    assert sum(int(amount.replace(".", "")) for amount in rows) == int(total[1].replace(".", ""))


def test_a_list_can_be_picked_and_sorted() -> None:
    view = cluster_view(cluster(("b", "a", "c")), Flags())
    picked = arranged(view, ["workload", "waste"], "-waste", headers=False)
    lines = render(picked, Format.CSV, PLAIN, 80).splitlines()
    assert lines == [
        f"shop/Deployment/{n},{w}" for n, w in zip("bac", (100.0, 99.0, 98.0), strict=True)
    ]
    turned = arranged(view, ["workload"], "workload", headers=True)
    assert render(turned, Format.CSV, PLAIN, 80).splitlines()[1:] == [
        f"shop/Deployment/{name}" for name in "abc"
    ]
    assert render(turned, Format.NAME, PLAIN, 80).split() == [f"deployment/{n}" for n in "abc"]


@pytest.mark.parametrize(("columns", "sort_by"), [(["nonsense"], ""), ([], "nonsense")])
def test_an_unknown_column_is_refused_with_the_known_ones(columns: list[str], sort_by: str) -> None:
    with pytest.raises(Refusal) as refused:
        arranged(cluster_view(cluster(), Flags()), columns, sort_by, headers=True)
    assert "workload" in refused.value.hint
