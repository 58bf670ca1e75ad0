"""A cluster's objects in memory, kept equal to it by lists and watches (CLU-7, O2, O3).

Here belongs what follows a cluster and what is kept of it. What the objects mean does not, nor how
a request travels: that is `upid.adapters.kubernetes.client`.
"""

from upid.adapters.kubernetes.mirror.errors import MirrorFull
from upid.adapters.kubernetes.mirror.habits import Habits, Readable
from upid.adapters.kubernetes.mirror.mirror import Mirror

__all__ = ["Habits", "Mirror", "MirrorFull", "Readable"]
