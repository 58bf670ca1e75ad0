"""The parts of Kubernetes objects that UPID reads, as partial structs.

Everything else in a body is skipped while decoding, which is what makes ten thousand pods take
tenths of a second. Lists and maps may be null, as some clients write them.
"""

from datetime import datetime

import msgspec

Amount = str | int | float
Amounts = dict[str, Amount] | None
Words = dict[str, str] | None


class _Part(msgspec.Struct, rename="camel", frozen=True, gc=False):
    """A partial object: unknown fields are ignored."""


class Owner(_Part, frozen=True):
    api_version: str = ""
    kind: str = ""
    name: str = ""
    uid: str = ""
    controller: bool | None = None


class Metadata(_Part, frozen=True):
    name: str = ""
    namespace: str | None = None
    uid: str = ""
    labels: Words = None
    annotations: Words = None
    creation_timestamp: datetime | None = None
    deletion_timestamp: datetime | None = None
    owner_references: list[Owner] | None = None


class Signature(_Part, frozen=True):
    manager: str = ""


class SignedMetadata(Metadata, frozen=True):
    """Metadata with who wrote the object; apart, since pods have long lists of them."""

    managed_fields: list[Signature] | None = None


class HttpGet(_Part, frozen=True):
    path: str | None = None


class Probe(_Part, frozen=True):
    http_get: HttpGet | None = None


class Port(_Part, frozen=True):
    container_port: int | None = None


class Resources(_Part, frozen=True):
    requests: Amounts = None
    limits: Amounts = None


class ContainerSpec(_Part, frozen=True):
    name: str = ""
    image: str | None = None
    resources: Resources | None = None
    ports: list[Port] | None = None
    liveness_probe: Probe | None = None
    readiness_probe: Probe | None = None
    startup_probe: Probe | None = None
    restart_policy: str | None = None


class ClaimSource(_Part, frozen=True):
    claim_name: str = ""


class VolumeUse(_Part, frozen=True):
    persistent_volume_claim: ClaimSource | None = None


class PodSpec(_Part, frozen=True):
    node_name: str | None = None
    containers: list[ContainerSpec] | None = None
    init_containers: list[ContainerSpec] | None = None
    priority_class_name: str | None = None
    volumes: list[VolumeUse] | None = None


class Condition(_Part, frozen=True):
    type: str = ""
    status: str = ""


class Ended(_Part, frozen=True):
    reason: str | None = None
    finished_at: datetime | None = None


class Waiting(_Part, frozen=True):
    reason: str | None = None


class State(_Part, frozen=True):
    waiting: Waiting | None = None
    terminated: Ended | None = None


class ContainerStatus(_Part, frozen=True):
    name: str = ""
    state: State | None = None
    last_state: State | None = None


class PodStatus(_Part, frozen=True):
    phase: str | None = None
    qos_class: str | None = None
    conditions: list[Condition] | None = None
    container_statuses: list[ContainerStatus] | None = None


class PodObject(_Part, frozen=True):
    metadata: Metadata = Metadata()
    spec: PodSpec = PodSpec()
    status: PodStatus = PodStatus()


class Taint(_Part, frozen=True):
    key: str = ""
    value: str | None = None
    effect: str = ""


class NodeSpec(_Part, frozen=True):
    provider_id: str | None = msgspec.field(default=None, name="providerID")
    taints: list[Taint] | None = None
    unschedulable: bool | None = None


class NodeFacts(_Part, frozen=True):
    kubelet_version: str | None = None
    architecture: str | None = None
    operating_system: str | None = None
    os_image: str | None = None


class NodeStatus(_Part, frozen=True):
    capacity: Amounts = None
    allocatable: Amounts = None
    conditions: list[Condition] | None = None
    node_info: NodeFacts | None = None


class NodeObject(_Part, frozen=True):
    metadata: Metadata = Metadata()
    spec: NodeSpec = NodeSpec()
    status: NodeStatus = NodeStatus()


class Template(_Part, frozen=True):
    metadata: Metadata | None = None
    spec: PodSpec | None = None


class JobTemplateSpec(_Part, frozen=True):
    template: Template | None = None


class JobTemplate(_Part, frozen=True):
    spec: JobTemplateSpec | None = None


class WorkloadSpec(_Part, frozen=True):
    replicas: int | None = None
    template: Template | None = None
    job_template: JobTemplate | None = None
    schedule: str | None = None
    suspend: bool | None = None


class WorkloadStatus(_Part, frozen=True):
    ready_replicas: int | None = None
    number_ready: int | None = None
    desired_number_scheduled: int | None = None
    ready: int | None = None
    completion_time: datetime | None = None


class WorkloadObject(_Part, frozen=True):
    metadata: SignedMetadata = SignedMetadata()
    spec: WorkloadSpec = WorkloadSpec()
    status: WorkloadStatus = WorkloadStatus()


class Address(_Part, frozen=True):
    hostname: str | None = None
    ip: str | None = None


class Balancer(_Part, frozen=True):
    ingress: list[Address] | None = None


class ServicePort(_Part, frozen=True):
    name: str | None = None
    port: int | None = None


class ServiceSpec(_Part, frozen=True):
    type: str | None = None
    selector: Words = None
    ports: list[ServicePort] | None = None


class ServiceStatus(_Part, frozen=True):
    load_balancer: Balancer | None = None


class ServiceObject(_Part, frozen=True):
    metadata: Metadata = Metadata()
    spec: ServiceSpec = ServiceSpec()
    status: ServiceStatus = ServiceStatus()


class Reference(_Part, frozen=True):
    kind: str = ""
    name: str = ""
    namespace: str | None = None


class VolumeSpec(_Part, frozen=True):
    capacity: Amounts = None
    storage_class_name: str | None = None
    claim_ref: Reference | None = None


class Phase(_Part, frozen=True):
    phase: str | None = None


class VolumeObject(_Part, frozen=True):
    metadata: Metadata = Metadata()
    spec: VolumeSpec = VolumeSpec()
    status: Phase = Phase()


class ClaimSpec(_Part, frozen=True):
    resources: Resources | None = None
    storage_class_name: str | None = None
    volume_name: str | None = None


class ClaimObject(_Part, frozen=True):
    metadata: Metadata = Metadata()
    spec: ClaimSpec = ClaimSpec()
    status: Phase = Phase()


class Target(_Part, frozen=True):
    type: str = ""
    average_utilization: int | None = None


class ResourceMetric(_Part, frozen=True):
    name: str = ""
    target: Target | None = None


class MetricSpec(_Part, frozen=True):
    type: str = ""
    resource: ResourceMetric | None = None


class UpdatePolicy(_Part, frozen=True):
    update_mode: str | None = None


class AutoscalerSpec(_Part, frozen=True):
    scale_target_ref: Reference | None = None
    target_ref: Reference | None = None
    min_replicas: int | None = None
    max_replicas: int | None = None
    metrics: list[MetricSpec] | None = None
    update_policy: UpdatePolicy | None = None
    target_cpu: int | None = msgspec.field(default=None, name="targetCPUUtilizationPercentage")


class AutoscalerObject(_Part, frozen=True):
    metadata: Metadata = Metadata()
    spec: AutoscalerSpec = AutoscalerSpec()


class LabelSelector(_Part, frozen=True):
    match_labels: Words = None


class BudgetSpec(_Part, frozen=True):
    selector: LabelSelector | None = None
    min_available: Amount | None = None
    max_unavailable: Amount | None = None


class BudgetStatus(_Part, frozen=True):
    disruptions_allowed: int | None = None


class BudgetObject(_Part, frozen=True):
    metadata: Metadata = Metadata()
    spec: BudgetSpec = BudgetSpec()
    status: BudgetStatus = BudgetStatus()


class LimitItem(_Part, frozen=True):
    type: str = ""
    min: Amounts = None
    max: Amounts = None
    max_limit_request_ratio: Amounts = None


class LimitRangeSpec(_Part, frozen=True):
    limits: list[LimitItem] | None = None


class LimitRangeObject(_Part, frozen=True):
    metadata: Metadata = Metadata()
    spec: LimitRangeSpec = LimitRangeSpec()


class QuotaPart(_Part, frozen=True):
    hard: Amounts = None
    used: Amounts = None


class QuotaObject(_Part, frozen=True):
    metadata: Metadata = Metadata()
    spec: QuotaPart = QuotaPart()
    status: QuotaPart = QuotaPart()


class NamespaceObject(_Part, frozen=True):
    metadata: Metadata = Metadata()
