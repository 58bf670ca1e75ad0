"""A thin client of the Kubernetes API: lists, watches, discovery and reviews, read only.

Here belongs what travels to and from an API server and how politely it is asked. What the
objects mean does not, nor who is asking: that is `upid.adapters.kubernetes.access`.
"""

from upid.adapters.kubernetes.client.client import ClusterClient
from upid.adapters.kubernetes.client.discovery import Discovery, Served, ServerVersion
from upid.adapters.kubernetes.client.errors import (
    AnswerTooLarge,
    CertificateUnusable,
    ClusterError,
    ConnectionLost,
    ConnectionRefused,
    Expired,
    Forbidden,
    NameUnknown,
    NotKubernetes,
    NotTrusted,
    ObjectMissing,
    ObjectUnreadable,
    ProxyFailed,
    RequestRefused,
    ServerFailed,
    TimedOut,
    TlsFailed,
    TooManyRequests,
    Unauthorized,
)
from upid.adapters.kubernetes.client.greetings import Greeting
from upid.adapters.kubernetes.client.limits import Limits, Pace
from upid.adapters.kubernetes.client.lists import Encoded, Letters, Page, Selection, WhenExpired
from upid.adapters.kubernetes.client.portal import Portal
from upid.adapters.kubernetes.client.resources import Resource, resource
from upid.adapters.kubernetes.client.reviews import Decision, Rule, Rules
from upid.adapters.kubernetes.client.tables import Row
from upid.adapters.kubernetes.client.usage import ContainerUsage, NodeUsage, PodUsage
from upid.adapters.kubernetes.client.watches import Change, Event

__all__ = [
    "AnswerTooLarge",
    "CertificateUnusable",
    "Change",
    "ClusterClient",
    "ClusterError",
    "ConnectionLost",
    "ConnectionRefused",
    "ContainerUsage",
    "Decision",
    "Discovery",
    "Encoded",
    "Event",
    "Expired",
    "Forbidden",
    "Greeting",
    "Letters",
    "Limits",
    "NameUnknown",
    "NodeUsage",
    "NotKubernetes",
    "NotTrusted",
    "ObjectMissing",
    "ObjectUnreadable",
    "Pace",
    "Page",
    "PodUsage",
    "Portal",
    "ProxyFailed",
    "RequestRefused",
    "Resource",
    "Row",
    "Rule",
    "Rules",
    "Selection",
    "Served",
    "ServerFailed",
    "ServerVersion",
    "TimedOut",
    "TlsFailed",
    "TooManyRequests",
    "Unauthorized",
    "WhenExpired",
    "resource",
]
