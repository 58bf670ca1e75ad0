"""GPUs of a node, by the extended resources that device plugins offer."""

import re

from upid.contexts.clusters.logic import manifests as m
from upid.core.quantity import parse_quantity
from upid.core.snapshot import Accelerator

# Resource → vendor. A DaemonSet's monitoring resources and shares of memory are no GPUs.
_WHOLE = {
    "nvidia.com/gpu": "nvidia",
    "nvidia.com/gpu.shared": "nvidia",  # time slices, where the plugin renames them
    "amd.com/gpu": "amd",
    "gpu.intel.com/i915": "intel",
    "gpu.intel.com/xe": "intel",
    "habana.ai/gaudi": "intel",
}
_SLICES = (  # parts of one GPU with memory of their own
    (re.compile(r"nvidia\.com/mig-(?P<slice>\d+g\.\d+gb.*)$"), "nvidia"),
    (re.compile(r"amd\.com/(?P<slice>[a-z]{3}_nps\d)$"), "amd"),
)
_MODELS = {
    "nvidia": ("nvidia.com/gpu.product", "cloud.google.com/gke-accelerator"),
    "amd": ("amd.com/gpu.product-name", "beta.amd.com/gpu.product-name"),
    "intel": ("gpu.intel.com/product",),
}
_OWN_MODELS = ("karpenter.k8s.aws/instance-gpu-name", "eks.amazonaws.com/instance-gpu-name")
_COUNTS = {
    "nvidia": ("nvidia.com/gpu.count", "cloud.google.com/gke-accelerator-count"),
    "amd": ("amd.com/gpu.count",),
    "intel": ("gpu.intel.com/gpu.count",),
}
_CLOUD_COUNTS = ("karpenter.k8s.aws/instance-gpu-count", "eks.amazonaws.com/instance-gpu-count")


def accelerators(body: m.NodeObject) -> tuple[Accelerator, ...]:
    """Return what a node offers of GPUs, a resource each, by name. Raises BadQuantity."""
    found = []
    for resource, amount in sorted((body.status.capacity or {}).items()):
        vendor, part = _kind(resource)
        offered = int(parse_quantity(amount)) if vendor else 0
        if offered > 0:
            found.append(
                Accelerator(
                    vendor=vendor,
                    resource=resource,
                    offered=offered,
                    slice=part,
                    model=_told(body, (*_MODELS[vendor], *_OWN_MODELS)),
                    physical=_physical(body, vendor),
                )
            )
    return tuple(found)


def _kind(resource: str) -> tuple[str, str]:
    """Return a resource's vendor, empty for what is no GPU, and the slice it is of, if any."""
    if resource in _WHOLE:
        return _WHOLE[resource], ""
    for shape, vendor in _SLICES:
        found = shape.match(resource)
        if found:
            return vendor, found["slice"]
    return "", ""


def _physical(body: m.NodeObject, vendor: str) -> int | None:
    told = _told(body, (*_COUNTS[vendor], *_CLOUD_COUNTS))
    return int(told) if told.isascii() and told.isdigit() else None


def _told(body: m.NodeObject, keys: tuple[str, ...]) -> str:
    labels = body.metadata.labels or {}
    return next((labels[key] for key in keys if labels.get(key)), "")
