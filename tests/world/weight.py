"""What a world weighs: the memory of everything that runs in an enclosure."""

from collections import Counter
from pathlib import Path

from tests.world.enclosure import Enclosure

_KIBIBYTE = 1024


def weigh(enclosure: Enclosure) -> Counter[str]:
    """Return the proportional set size of each program by its name, in bytes.

    Pages that processes share are counted once in the sum. A process that ends meanwhile counts
    nothing.
    """
    inside = Path(f"/proc/{enclosure.pid}/ns/pid").readlink()
    found: Counter[str] = Counter()
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if (process / "ns" / "pid").readlink() == inside:
                name = (process / "comm").read_text().strip()
                found[name] += _pss((process / "smaps_rollup").read_text())
        except OSError:  # it ended meanwhile, or is none of ours
            continue
    return found


def _pss(smaps: str) -> int:
    for line in smaps.splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * _KIBIBYTE
    return 0
