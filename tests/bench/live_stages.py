"""The analysis of a live cluster, stage by stage, in a process of its own that prints seconds.

python -m tests.bench.live_stages KUBECONFIG
"""

import asyncio
import json
import os
import sys
import time
from pathlib import Path


def main(kubeconfig: str) -> None:
    """Do what `upid analyze cluster` does, with a clock between its stages."""
    started = time.perf_counter()
    marks: dict[str, float] = {}

    def mark(name: str) -> None:
        nonlocal started
        now = time.perf_counter()
        marks[name], started = now - started, now

    from upid.adapters.kubernetes.client import ClusterClient
    from upid.adapters.kubernetes.kubeconfig import Options, find_access
    from upid.adapters.kubernetes.live import LiveSource, read_objects, read_usage
    from upid.app.settings import load_settings
    from upid.app.wiring import answering
    from upid.cli.flags import Flags
    from upid.cli.output.formats import Format, render
    from upid.cli.output.paint import Paint
    from upid.cli.reports.cluster import cluster_view
    from upid.client.types import ClusterAnalysis
    from upid.contexts.clusters import ClusterService
    from upid.contexts.optimization.analysis import AnalysisService
    from upid.core.ports.cluster_connection import Usage
    from upid.kit.clock import system_clock
    from upid.kit.web import json_response

    mark("imports")
    access = find_access(Options(kubeconfig=kubeconfig), os.environ, Path.home())

    async def read() -> LiveSource:
        async with ClusterClient(access) as client:
            held = await read_objects(client, lambda _: None)
            mark("objects")
            now = system_clock()
            usage = await read_usage(client, now)
            mark("usage")
        return LiveSource(held, access.context, [usage] if isinstance(usage, Usage) else [], now)

    source = asyncio.run(read())
    clusters = ClusterService()
    cluster = clusters.attach(source)
    cluster.inventory()
    mark("inventory")
    services = answering(clusters, load_settings(os.environ).settings)
    analyses = services[AnalysisService]
    assert isinstance(analyses, AnalysisService)
    answer = analyses.cluster(cluster.id, None, limit=1000)
    mark("analysis")
    import msgspec

    found = msgspec.json.decode(json_response(answer).body, type=ClusterAnalysis)
    render(cluster_view(found, Flags()), Format.TABLE, Paint(on=False), 100)
    mark("answer and report")
    print(json.dumps(marks))


if __name__ == "__main__":
    main(sys.argv[1])
