"""Reports that put costs, idleness and advice together, as the endpoints answer them."""

from upid.contexts.optimization.analysis.service import AnalysisService

__all__ = ["AnalysisService"]
