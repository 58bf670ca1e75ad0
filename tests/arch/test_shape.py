"""The house keeps its measures: lengths, rooms, names, and what may never be in it."""

from tests.arch import shape
from tests.arch.shape import ROOT, SOURCE


def test_no_file_is_longer_than_a_reader_holds() -> None:
    measured = {str(p.relative_to(ROOT)): shape.lines_of(p) for p in shape.python_files()}
    assert {name: n for name, n in measured.items() if n > shape.FILE_FAILS} == {}


def test_every_function_fits_on_a_screen() -> None:
    long = [
        f"{path.relative_to(ROOT)}:{line} {name} has {length} lines"
        for path in shape.python_files()
        for name, line, length in shape.functions(path)
        if length > shape.FUNCTION_FAILS
    ]
    assert long == []


def test_every_folder_has_its_place_among_the_rings() -> None:
    rooms = {p.name for p in SOURCE.iterdir() if p.is_dir() and p.name != "__pycache__"}
    assert rooms <= shape.ROOMS


def test_no_room_is_empty() -> None:
    """Only rooms that have something in them exist."""
    packages = [p.parent for p in SOURCE.rglob("__init__.py")]
    empty = [
        str(folder.relative_to(ROOT))
        for folder in packages
        if len([p for p in folder.iterdir() if p.name != "__pycache__"]) == 1
        and shape.lines_of(folder / "__init__.py") <= 1
    ]
    assert empty == []


def test_names_say_what_a_thing_is() -> None:
    vague = [
        f"{path.relative_to(ROOT)}:{line} {name}"
        for path in shape.python_files()
        if path.is_relative_to(SOURCE)
        for name, line in shape.named(path)
        if shape.words(name) & shape.FORBIDDEN_WORDS and name not in shape.EXCUSED
    ]
    assert vague == []


def test_nothing_of_one_machine_and_nothing_unfinished_is_in_the_repository() -> None:
    found = []
    for path in shape.tracked():
        if path.suffix not in shape.TEXT:
            continue
        text = path.read_text(encoding="utf-8", errors="replace")
        found += [
            f"{path.relative_to(ROOT)}: {forbidden!r} ({why})"
            for forbidden, why in shape.FORBIDDEN_TEXT.items()
            if forbidden in text
        ]
    assert found == []


def test_every_context_says_what_belongs_in_it_and_names_its_face() -> None:
    silent = [
        str(init.relative_to(ROOT))
        for init in sorted((SOURCE / "contexts").glob("*/__init__.py"))
        if "__all__" not in init.read_text(encoding="utf-8")
    ]
    assert silent == []
