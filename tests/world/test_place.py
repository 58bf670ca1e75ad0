"""Nobody else decides where worlds keep their keys, and nobody else reads them."""

import os
import stat
from pathlib import Path

import pytest

from tests.world import place

_NOBODY = 65534


def test_a_link_that_was_there_first_is_refused(tmp_path: Path) -> None:
    link = tmp_path / "state"
    link.symlink_to(tmp_path)
    with pytest.raises(place.NoPlace, match="remove it"):
        place.make_own(link)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives folders away")
def test_a_folder_of_another_user_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    folder.mkdir()
    os.chown(folder, _NOBODY, _NOBODY)
    with pytest.raises(place.NoPlace, match="remove it"):
        place.make_own(folder)


def test_others_may_pass_through_the_folder_and_not_look_into_it(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    folder.mkdir(mode=0o777)
    for _ in range(2):
        place.make_own(folder)
        assert stat.S_IMODE(folder.stat().st_mode) == 0o711
