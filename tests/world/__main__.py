"""`make world`, `world-up`, `world-status`, `world-down`: python -m tests.world VERB."""

import sys


def main() -> int:
    """Do what the verb says; the modules are imported when their verb is asked for."""
    match sys.argv[1:]:
        case ["build"]:
            from tests.world import build

            return build.build()
        case [("up" | "down" | "status") as verb]:
            from tests.world import playground

            verbs = {"up": playground.up, "down": playground.down, "status": playground.status}
            return verbs[verb]()
    print("usage: python -m tests.world build|up|down|status", file=sys.stderr)
    return 2


if __name__ == "__main__":
    raise SystemExit(main())
