"""Published cloud prices that ship with UPID, so that costs work offline from the first minute.

Here: the table and how it is read. Not here: which price is trusted over which (contexts/costs).
"""

from upid.adapters.pricelist.shipped import ShippedPrices

__all__ = ["ShippedPrices"]
