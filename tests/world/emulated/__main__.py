"""Emulated servers as a process: plans come in as a line of JSON, addresses go out as one.

After that each line is a question and gets a line; the process ends with its input.
"""

import asyncio
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from tests.world.emulated.cluster import Plan
from tests.world.emulated.illness import Illness
from tests.world.emulated.running import Emulated, emulating


async def main() -> None:
    """Serve until the input ends."""
    plans = [
        Plan(**one | {"illness": Illness(one["illness"])}) for one in json.loads(await _line())
    ]
    with tempfile.TemporaryDirectory() as folder:
        async with emulating(Path(folder) / "authority", plans) as found:
            first = next(iter(found.values()))
            urls = {name: one.way.url for name, one in found.items()}
            _say({"authority": first.way.authority.decode(), "urls": urls})
            while line := await _line():
                _say(_answered(json.loads(line), found))


def _answered(asked: dict[str, str], found: dict[str, Emulated]) -> dict[str, Any]:
    if "behave" in asked:
        found[asked["behave"]].cluster.illness = Illness(asked["as"])
        return {}
    one = found[asked["count"]]
    return {"requests": one.requests, "connections": one.connections}


async def _line() -> str:
    return await asyncio.to_thread(sys.stdin.readline)


def _say(what: dict[str, Any]) -> None:
    print(json.dumps(what), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
