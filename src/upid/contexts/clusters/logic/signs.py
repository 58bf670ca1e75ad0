"""The signs by which capabilities are known, and what UPID cannot do without each."""

from typing import NamedTuple

METRICS_SERVER, PROMETHEUS, KUBE_STATE = "metrics-server", "Prometheus", "kube-state-metrics"
ARGO_CD, KARPENTER, AUTOSCALER = "Argo CD", "Karpenter", "Cluster Autoscaler"
RESIZE = "in-place pod resize"


class Sign(NamedTuple):
    """How one capability is known.

    serves    `group/resource` of its API, or `group/` where the group is its own
    images    last parts of the names of its images
    labels    key=value on its workloads or services
    by_api    its API is what UPID uses: not served means absent, whatever runs
    outside   distributions that run it where nobody can look
    """

    name: str
    without: str
    serves: tuple[str, ...] = ()
    images: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    by_api: bool = True
    outside: tuple[str, ...] = ()


SIGNS: tuple[Sign, ...] = (
    Sign(
        METRICS_SERVER,
        "UPID cannot see what pods use now, nor record a live cluster without Prometheus",
        ("metrics.k8s.io/",),
        ("metrics-server", "metrics-server-amd64", "prometheus-adapter"),
        ("k8s-app=metrics-server", "app.kubernetes.io/name=metrics-server"),
    ),
    Sign(
        PROMETHEUS,
        "UPID cannot see the past: no recommendations from history until it has recorded its own",
        ("monitoring.coreos.com/", "operator.victoriametrics.com/"),
        by_api=False,
    ),
    Sign(
        KUBE_STATE,
        "UPID cannot learn of objects that are gone: pods and requests of the past stay unknown",
        images=("kube-state-metrics",),
        labels=("app.kubernetes.io/name=kube-state-metrics", "k8s-app=kube-state-metrics"),
        by_api=False,
    ),
    Sign(
        "Istio",
        "UPID cannot tell requests of people from probes by the mesh's telemetry of Istio",
        ("networking.istio.io/", "security.istio.io/"),
        ("pilot", "istiod"),
        ("app=istiod", "istio=pilot"),
    ),
    Sign(
        "Linkerd",
        "UPID cannot tell requests of people from probes by the mesh's telemetry of Linkerd",
        ("policy.linkerd.io/", "linkerd.io/"),
        labels=("linkerd.io/control-plane-component=destination",),
    ),
    Sign(
        "Gateway API",
        "UPID cannot see by which routes traffic reaches a service, beyond Ingress",
        ("gateway.networking.k8s.io/",),
    ),
    Sign(
        "KEDA",
        "UPID cannot suggest scaling to zero by events",
        ("keda.sh/",),
        ("keda", "keda-operator"),
        ("app=keda-operator", "app.kubernetes.io/name=keda-operator"),
    ),
    Sign(
        "VPA",
        "UPID cannot hand its requests to a VerticalPodAutoscaler, nor compare them with one's",
        ("autoscaling.k8s.io/verticalpodautoscalers",),
        ("vpa-recommender",),
        ("app=vpa-recommender",),
        outside=("GKE",),
    ),
    Sign(
        KARPENTER,
        "UPID cannot count on emptied nodes being replaced by cheaper ones",
        ("karpenter.sh/",),
        ("karpenter", "controller"),
        ("app.kubernetes.io/name=karpenter",),
        outside=("EKS", "AKS"),
    ),
    Sign(
        AUTOSCALER,
        "UPID cannot count on emptied nodes being removed: lower requests may save nothing",
        ("autoscaling.openshift.io/clusterautoscalers",),
        ("cluster-autoscaler",),
        ("app=cluster-autoscaler", "k8s-app=cluster-autoscaler"),
        by_api=False,
        outside=("GKE", "AKS", "DOKS", "LKE", "VKE", "Kapsule", "OVHcloud"),
    ),
    Sign(
        ARGO_CD,
        "UPID cannot say in which Argo CD application a change has to be made",
        ("argoproj.io/applications",),
        labels=("app.kubernetes.io/part-of=argocd",),
    ),
    Sign(
        "Argo Rollouts",
        "UPID cannot watch a change being rolled out step by step as Argo Rollouts does",
        ("argoproj.io/rollouts",),
        ("argo-rollouts",),
        ("app.kubernetes.io/name=argo-rollouts",),
    ),
    Sign(
        "Flux",
        "UPID cannot say in which Kustomization or HelmRelease a change has to be made",
        ("kustomize.toolkit.fluxcd.io/", "helm.toolkit.fluxcd.io/"),
        ("kustomize-controller", "helm-controller"),
        ("app.kubernetes.io/part-of=flux",),
    ),
)

WITHOUT_RESIZE = "UPID cannot change requests of running pods: each change replaces them"

# Services of servers that answer PromQL, by labels as charts and operators set them, the widest
# view first. A port is the server's own, where its service has several.
PROMQL: tuple[tuple[str, tuple[int, ...]], ...] = (
    ("app.kubernetes.io/name=thanos-query", (9090, 10902)),
    ("app.kubernetes.io/component=query-layer", (9091,)),  # OpenShift's thanos-querier
    ("app.kubernetes.io/name=vmselect", (8481,)),
    ("app.kubernetes.io/name=vmsingle", (8429, 8428)),
    ("app.kubernetes.io/name=victoria-metrics-single", (8428,)),
    ("app=kube-prometheus-stack-prometheus", (9090,)),
    ("operated-prometheus=true", (9090,)),
    ("app.kubernetes.io/name=prometheus", (9090, 80)),
    ("app=prometheus", (9090, 80)),
)
PROMQL_NAMES = ("prometheus-server", "prometheus-k8s", "prometheus-operated", "prometheus")
