"""What is set for single clusters: how they are followed, judged and advised on, with history.

Here: the settings that a cluster may have of its own, their bounds and versions, and what holds.
Not here: settings of the whole program (app), what a setting does (the contexts that ask).
"""

from upid.contexts.configuration.service import ConfigurationService
from upid.contexts.configuration.types import ClusterPreferences, Fallback, Section

__all__ = ["ClusterPreferences", "ConfigurationService", "Fallback", "Section"]
