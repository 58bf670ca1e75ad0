"""What the proxy complains of: always when it closes, so that no fault is silently missed."""


class ProxyTrouble(Exception):
    """The proxy could not do what its plan says."""


class FaultNeverFired(ProxyTrouble):
    """The run ended and a fault of the plan had not taken effect."""


class FramingBroken(ProxyTrouble):
    """A client or server sent what its protocol does not allow, or a message over the bound."""
