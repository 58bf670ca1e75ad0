"""Stand-ins for names: the same for the same key and name, and not to be undone without the key.

Every stand-in is an HMAC-SHA256 of the name, whatever it is the name of, so that a selector, an
owner reference and a series label that agreed before agree afterwards. Text is replaced unless it
is known to be public: a forgotten field loses meaning, it does not leak.
"""

import hmac
import ipaddress
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, TypeAlias

from upid.core.quantity import BadQuantity, parse_quantity

Json: TypeAlias = Any  # as msgspec decodes it

_TIME = re.compile(r"\d{4}-\d\d-\d\dT[0-9:.]{5,18}(Z|[+-]\d\d:\d\d)")
_SHARE = re.compile(r"\d{1,3}%")
_WORKLOAD = 3  # namespace/Kind/name
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_PLACE = re.compile(r"[a-z]{2,}-[a-z]+-?\d[a-z0-9-]{0,3}|[a-z]+\d?")  # us-east-1a, europe-west4-b
_ADDRESS = re.compile(r"[0-9a-fA-F:.]{3,45}(/\d{1,3})?")


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Names that every cluster has, or that are a product's and not a company's.
_PUBLIC = _words("""
    default kube-system kube-public kube-node-lease kubernetes cpu memory storage
    ephemeral-storage pods None gp2 gp3 io1 io2 st1 sc1 standard standard-rwo premium-rwo
    managed managed-csi managed-premium local-path hostpath
""")
_PORTS = _words("""
    http https metrics grpc web tcp udp health admin dns dns-tcp
""")
# Fields whose text is one of a few words that Kubernetes defines, a version or a schedule.
_OPEN = _words("""
    kind apiVersion apiGroup phase type status protocol operator effect restartPolicy dnsPolicy
    imagePullPolicy terminationMessagePolicy concurrencyPolicy schedule accessModes volumeMode
    persistentVolumeReclaimPolicy provisioner volumeBindingMode qosClass scheme
    whenUnsatisfiable operatingSystem architecture kubeletVersion containerRuntimeVersion
    podManagementPolicy internalTrafficPolicy externalTrafficPolicy sessionAffinity ipFamilies
    ipFamilyPolicy updateMode controlledResources controlledValues mode scalingMode policy
    selectPolicy reason completionMode preemptionPolicy unhealthyPodEvictionPolicy resourceName
    targetCPUUtilizationPercentage resource resourceVersion resizePolicy timeZone
""")
_AMOUNTS = _words("""
    requests limits capacity allocatable allocatedResources hard used min max default
    defaultRequest maxLimitRequestRatio minAllowed maxAllowed target lowerBound upperBound
    uncappedTarget averageValue value storage sizeLimit divisor
""")
_LABELS = _words("""
    labels matchLabels nodeSelector selector
""")
_LOST = _words("""
    message images managedFields
""")
# Domains of label and annotation keys that belong to no user.
_DOMAINS = re.compile(
    r"([a-z0-9-]+\.)*(kubernetes\.io|k8s\.io|k8s\.aws|karpenter\.sh|helm\.sh|prometheus\.io"
    r"|amazonaws\.com|azure\.com|google\.com|gke\.io|openshift\.io|nvidia\.com|upid\.io)"
)
_KEPT_VALUES = re.compile(
    r".*kubernetes\.io/(arch|os|instance-type|region|zone)|.*/(nodegroup-type|capacity-?[tT]ype|"
    r"gke-(spot|preemptible|provisioning)|scalesetpriority|lifecycle)"
    r"|.*instance-(type|family|size|category|generation|cpu|memory)|upid\.io/.*"
    r"|.*node-role\.kubernetes\.io/.*|.*/mode"
)
_PLAIN = re.compile(r"true|false|\d{1,6}|\d{1,4}[smhd]", re.IGNORECASE)
# Parts of paths that say what sort of request it is and not whose.
_SEGMENTS = _words("""
    health healthz healthcheck health-check health_check _health _healthz - livez live liveness
    readyz ready readiness startup startupz startz status _status ping alive up heartbeat
    metrics actuator prometheus probe probes check checks version robots.txt favicon.ico api
    apis v1 v2 v3 graphql grpc.health.v1.Health Check Watch stats _cat _cluster internal static
    assets debug pprof vars admin login info server-status nginx_status stub_status federate
    query query_range write read push scrape .well-known sw.js index.html
""")


class Pseudonyms:
    """The stand-ins that one key gives."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self.name = lru_cache(maxsize=1 << 17)(self._name)
        self.path = lru_cache(maxsize=1 << 16)(self._path)

    def source(self, text: str) -> str:
        """Return the stand-in of where requests come from: a workload, an address, or nothing."""
        parts = text.split("/")
        if len(parts) == _WORKLOAD:
            return f"{self.name(parts[0])}/{parts[1]}/{self.name(parts[2])}"
        return self.name(text)

    def object_of(self, tree: Mapping[str, Any]) -> dict[str, Any]:
        """Return a Kubernetes object with stand-ins for everything that tells whose it is."""
        return self._mapping(tree)

    def _name(self, text: str) -> str:
        if not text or text in _PUBLIC:
            return text
        address = self._address(text)
        if address is not None:
            return address
        found = self._hash(text)
        if _UUID.fullmatch(text):
            return f"{found[:8]}-{found[8:12]}-4{found[13:16]}-8{found[17:20]}-{found[20:32]}"
        return f"x{found[:15]}"  # 60 bits: among a million names a collision is a 1 : 2 million

    def _path(self, text: str) -> str:
        path, mark, query = text.partition("?")
        parts = [p if not p or p in _SEGMENTS else self.name(p) for p in path.split("/")]
        return "/".join(parts) + (f"?{self.name(query)}" if mark else "")

    def _hash(self, text: str) -> str:
        return hmac.digest(self._key, text.encode("utf-8", "surrogatepass"), "sha256").hex()

    def _address(self, text: str) -> str | None:
        """Return a stand-in in the network for documentation or for private use; None otherwise.

        Always IPv6: the 2^24 private IPv4 addresses are so few that two would meet.
        """
        if not _ADDRESS.fullmatch(text) or not ("." in text or ":" in text):
            return None
        bare, slash, bits = text.partition("/")
        try:
            address = ipaddress.ip_address(bare)
        except ValueError:
            return None
        if address.is_loopback or address.is_unspecified:
            return text
        tail = int(self._hash(bare)[:20], 16)
        network = 0xFD00 << 112 if address.is_private else 0x20010DB8 << 96
        return str(ipaddress.IPv6Address(network | tail)) + (f"{slash}128" if bits else "")

    def _mapping(self, node: Mapping[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, value in node.items():
            if key in _LOST:
                continue
            if key == "annotations" and isinstance(value, dict):
                found[key] = self._annotations(value)
            elif key in _LABELS and isinstance(value, dict) and _flat(value):
                found[key] = {self._key_of(k): self._label(k, v) for k, v in value.items()}
            elif key in _AMOUNTS and _amounts(value):
                found[key] = value
            elif key in {"key", "topologyKey"} and isinstance(value, str):
                found[key] = self._key_of(value)
            elif key == "values" and isinstance(node.get("key"), str) and isinstance(value, list):
                found[key] = [self._label(node["key"], item) for item in value]
            else:
                found[key] = self._value(key, value)
        return found

    def _value(self, key: str, value: Json) -> Json:
        if isinstance(value, dict):
            keyed = key in {"data", "binaryData"}
            return dict.fromkeys(map(self.name, value), "") if keyed else self._mapping(value)
        if isinstance(value, list):
            return [self._item(key, item) for item in value]
        return self._text(key, value) if isinstance(value, str) else value

    def _item(self, key: str, item: Json) -> Json:
        found = self._value(key, item)
        if key == "ports" and isinstance(item, dict) and item.get("name") in _PORTS:
            found["name"] = item["name"]
        return found

    def _text(self, key: str, text: str) -> str:
        if key in _OPEN or _TIME.fullmatch(text) or _SHARE.fullmatch(text):
            return text
        if key in {"path", "mountPath"}:
            return self.path(text)
        if key in {"port", "targetPort"} and text in _PORTS:
            return text
        if key == "providerID":
            scheme, _, rest = text.partition("://")
            return f"{scheme}://" + "/".join(map(self._place, rest.split("/")))
        return self.name(text)

    def _place(self, segment: str) -> str:
        return segment if _PLACE.fullmatch(segment) and "-" in segment else self.name(segment)

    def _annotations(self, found: Mapping[str, Any]) -> dict[str, Any]:
        """Return the annotations that steer Kubernetes or UPID; the rest is dropped."""
        kept = {}
        for key, value in found.items():
            if not isinstance(value, str) or not _DOMAINS.fullmatch(key.partition("/")[0]):
                continue
            if _PLAIN.fullmatch(value) or key.startswith("upid.io/"):
                kept[key] = value
            elif value.startswith("/"):
                kept[key] = self.path(value)
        return kept

    def _key_of(self, key: str) -> str:
        domain, slash, name = key.partition("/")
        if not slash or _DOMAINS.fullmatch(domain):
            return key
        return f"{self.name(domain)}/{name}"

    def _label(self, key: str, value: Json) -> Json:
        if not isinstance(value, str) or _KEPT_VALUES.fullmatch(key):
            return value
        return value if value.lower() in {"true", "false"} else self.name(value)


def _flat(node: Mapping[str, Any]) -> bool:
    return all(isinstance(value, str | None) for value in node.values())


def _amounts(value: Json) -> bool:
    """Whether this is a quantity, or a map of quantities by resource."""
    items = list(value.values()) if isinstance(value, dict) else [value]
    for item in items:
        if isinstance(item, bool) or not isinstance(item, str | int | float):
            return False
        try:
            parse_quantity(item)
        except BadQuantity:
            return False
    return True
