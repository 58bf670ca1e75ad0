"""Which kinds of objects UPID reads from a cluster. ConfigMaps and Secrets are not among them."""

READ: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("nodes", ("v1",)),
    ("namespaces", ("v1",)),
    ("pods", ("v1",)),
    ("services", ("v1",)),
    ("persistentvolumes", ("v1",)),
    ("persistentvolumeclaims", ("v1",)),
    ("limitranges", ("v1",)),
    ("resourcequotas", ("v1",)),
    ("replicationcontrollers", ("v1",)),
    ("deployments", ("apps/v1",)),
    ("replicasets", ("apps/v1",)),
    ("statefulsets", ("apps/v1",)),
    ("daemonsets", ("apps/v1",)),
    ("jobs", ("batch/v1",)),
    ("cronjobs", ("batch/v1", "batch/v1beta1")),
    (
        "horizontalpodautoscalers",
        ("autoscaling/v2", "autoscaling/v2beta2", "autoscaling/v1"),
    ),
    ("verticalpodautoscalers", ("autoscaling.k8s.io/v1", "autoscaling.k8s.io/v1beta2")),
    ("poddisruptionbudgets", ("policy/v1", "policy/v1beta1")),
    ("deploymentconfigs", ("apps.openshift.io/v1",)),
    ("rollouts", ("argoproj.io/v1alpha1",)),
)
"""Plural name → the group versions that UPID understands, the best first."""
