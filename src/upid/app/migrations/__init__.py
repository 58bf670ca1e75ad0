"""The one chain of migrations, forward only; both databases are built by it.

It is in `app` because a migration may touch the tables of several contexts, and only `app` knows
them all. A migration never imports a context: it says what was true when it was written.
"""
