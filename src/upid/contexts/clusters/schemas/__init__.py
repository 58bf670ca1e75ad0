"""What the API takes and answers about clusters.

Amounts are cores and bytes; instants are RFC 3339 in UTC. What is not known is null, with a
sentence that says why where there is one; it is never zero.
"""
