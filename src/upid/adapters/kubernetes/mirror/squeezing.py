"""Objects squeezed in memory, with a dictionary of what Kubernetes writes again and again.

Measured with 10,000 pods of 7 KB, 1.9 KB when slim: zlib alone makes 740 bytes of one, with the
dictionary 330 in 15 µs; decoding takes 4 µs. Nothing squeezed outlives the
process, so the dictionary may change with any version.
"""

import zlib

import msgspec

_LEVEL = 3  # level 1 is no quicker and makes 20 % more bytes, 6 takes half as long again for 8 %
_WINDOW = -14  # 16 KB, raw: of one object and the dictionary
_MEMORY = 5  # 8 KB of hashes; the default's 64 KB would have to be copied for each object
_STAMP = "2026-01-01T00:00:00Z"


def _container() -> dict[str, object]:
    probe = {
        "httpGet": {"path": "/healthz", "port": 8080, "scheme": "HTTP"},
        "timeoutSeconds": 1,
        "periodSeconds": 10,
        "successThreshold": 1,
        "failureThreshold": 3,
    }
    reference = {"name": "NAME", "valueFrom": {"secretKeyRef": {"name": "app", "key": "value"}}}
    return {
        "name": "app",
        "image": "registry.k8s.io/",
        "ports": [{"name": "http", "containerPort": 8080, "protocol": "TCP"}],
        "env": [reference, {"name": "POD_NAMESPACE"}],
        "resources": {
            "limits": {"cpu": "500m", "memory": "256Mi"},
            "requests": {"cpu": "100m", "memory": "128Mi"},
        },
        "volumeMounts": [
            {
                "name": "kube-api-access-",
                "readOnly": True,
                "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount",
            }
        ],
        "livenessProbe": {"initialDelaySeconds": 10} | probe,
        "readinessProbe": probe,
        "terminationMessagePath": "/dev/termination-log",
        "terminationMessagePolicy": "File",
        "imagePullPolicy": "IfNotPresent",
        "securityContext": {
            "capabilities": {"drop": ["ALL"]},
            "runAsNonRoot": True,
            "readOnlyRootFilesystem": True,
            "allowPrivilegeEscalation": False,
        },
    }


def _spec() -> dict[str, object]:
    token = {"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}}
    authority = {
        "configMap": {
            "name": "kube-root-ca.crt",
            "items": [{"key": "ca.crt", "path": "ca.crt"}],
        }
    }
    field = {"apiVersion": "v1", "fieldPath": "metadata.namespace"}
    downward = {"downwardAPI": {"items": [{"path": "namespace", "fieldRef": field}]}}
    gone = {"operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300}
    return {
        "volumes": [
            {"name": "config", "configMap": {"name": "config", "defaultMode": 420}},
            {"name": "cache", "emptyDir": {}},
            {"name": "token", "persistentVolumeClaim": {"claimName": ""}},
            {
                "name": "kube-api-access-",
                "projected": {"sources": [token, authority, downward], "defaultMode": 420},
            },
        ],
        "containers": [_container()],
        "restartPolicy": "Always",
        "terminationGracePeriodSeconds": 30,
        "dnsPolicy": "ClusterFirst",
        "serviceAccountName": "default",
        "serviceAccount": "default",
        "nodeName": "node-",
        "securityContext": {},
        "schedulerName": "default-scheduler",
        "tolerations": [
            {"key": "node.kubernetes.io/not-ready"} | gone,
            {"key": "node.kubernetes.io/unreachable"} | gone,
        ],
        "priority": 0,
        "enableServiceLinks": True,
        "preemptionPolicy": "PreemptLowerPriority",
    }


def _signature(manager: str, api_version: str) -> dict[str, object]:
    return {
        "manager": manager,
        "operation": "Update",
        "apiVersion": api_version,
        "time": _STAMP,
        "subresource": "status",
    }


def _metadata(kind: str, api_version: str) -> dict[str, object]:
    return {
        "name": "app-",
        "generateName": "app-",
        "namespace": "default",
        "uid": "00000000-0000-4000-8000-000000000000",
        "resourceVersion": "1",
        "generation": 1,
        "creationTimestamp": _STAMP,
        "labels": {
            "app": "app",
            "app.kubernetes.io/name": "",
            "app.kubernetes.io/instance": "",
            "app.kubernetes.io/managed-by": "Helm",
            "pod-template-hash": "0123456789",
        },
        "annotations": {
            "meta.helm.sh/release-name": "",
            "deployment.kubernetes.io/revision": "1",
            "prometheus.io/scrape": "true",
        },
        "ownerReferences": [
            {
                "apiVersion": api_version,
                "kind": kind,
                "name": "app-",
                "uid": "",
                "controller": True,
                "blockOwnerDeletion": True,
            }
        ],
        "managedFields": [
            _signature("kube-controller-manager", "apps/v1"),
            _signature("kubelet", "v1"),
        ],
    }


def _conditions(*kinds: str) -> list[dict[str, object]]:
    return [
        {
            "type": kind,
            "status": "True",
            "lastProbeTime": None,
            "lastHeartbeatTime": _STAMP,
            "lastUpdateTime": _STAMP,
            "lastTransitionTime": _STAMP,
            "reason": "",
            "message": "",
        }
        for kind in kinds
    ]


def _pod() -> dict[str, object]:
    container = {
        "name": "app",
        "state": {"running": {"startedAt": _STAMP}},
        "lastState": {"terminated": {"exitCode": 137, "reason": "OOMKilled", "finishedAt": _STAMP}},
        "ready": True,
        "restartCount": 0,
        "image": "docker.io/library/",
        "imageID": "docker.io/library/app@sha256:",
        "containerID": "containerd://",
        "started": True,
        "allocatedResources": {"cpu": "100m", "memory": "128Mi"},
    }
    kinds = ("PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled")
    return {
        "kind": "Pod",
        "apiVersion": "v1",
        "metadata": _metadata("ReplicaSet", "apps/v1"),
        "spec": _spec(),
        "status": {
            "phase": "Running",
            "conditions": _conditions(*kinds),
            "hostIP": "10.0.",
            "hostIPs": [{"ip": "10.0."}],
            "podIP": "10.244.",
            "podIPs": [{"ip": "10.244."}],
            "startTime": _STAMP,
            "containerStatuses": [container],
            "qosClass": "Burstable",
        },
    }


def _node() -> dict[str, object]:
    kinds = ("MemoryPressure", "DiskPressure", "PIDPressure", "Ready")
    amounts = {"cpu": "8", "ephemeral-storage": "", "hugepages-2Mi": "0", "memory": "Ki"}
    return {
        "kind": "Node",
        "apiVersion": "v1",
        "labels": {
            "beta.kubernetes.io/arch": "amd64",
            "beta.kubernetes.io/os": "linux",
            "kubernetes.io/hostname": "",
            "node.kubernetes.io/instance-type": "",
            "topology.kubernetes.io/region": "",
            "topology.kubernetes.io/zone": "",
        },
        "spec": {"podCIDR": "", "podCIDRs": [], "providerID": "", "taints": []},
        "status": {
            "capacity": amounts | {"pods": "110"},
            "allocatable": amounts,
            "conditions": _conditions(*kinds),
            "addresses": [{"type": "InternalIP", "address": ""}, {"type": "Hostname"}],
            "nodeInfo": {"kernelVersion": "", "osImage": "", "containerRuntimeVersion": ""},
        },
    }


def _deployment() -> dict[str, object]:
    rolling = {"maxUnavailable": "25%", "maxSurge": "25%"}
    return {
        "kind": "Deployment",
        "apiVersion": "apps/v1",
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": {"app": "app"}},
            "template": {"metadata": {"creationTimestamp": None, "labels": {"app": "app"}}},
            "strategy": {"type": "RollingUpdate", "rollingUpdate": rolling},
            "revisionHistoryLimit": 10,
            "progressDeadlineSeconds": 600,
        },
        "status": {
            "observedGeneration": 1,
            "replicas": 1,
            "fullyLabeledReplicas": 1,
            "updatedReplicas": 1,
            "readyReplicas": 1,
            "availableReplicas": 1,
            "conditions": _conditions("Available", "Progressing"),
        },
    }


def _primed() -> "zlib._Compress":
    made = zlib.compressobj(_LEVEL, zlib.DEFLATED, _WINDOW, _MEMORY, zdict=_DICTIONARY)
    made.copy()
    return made


# What is most frequent comes last: near distances take fewer bits.
_DICTIONARY = b"".join(msgspec.json.encode(one) for one in (_node(), _deployment(), _pod()))
_PRIMED = _primed()


def squeeze(body: bytes) -> bytes:
    """Return a body in fewer bytes; only in one thread at a time."""
    squeezing = _PRIMED.copy()
    return squeezing.compress(body) + squeezing.flush()


def unsqueeze(squeezed: bytes) -> bytes:
    """Return the body again; in any thread."""
    return zlib.decompressobj(_WINDOW, zdict=_DICTIONARY).decompress(squeezed)
