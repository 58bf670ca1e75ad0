"""Sends writes: the only place from which a method that changes something leaves UPID."""

import secrets

from upid.adapters.kubernetes.access import Access
from upid.adapters.kubernetes.client import ClusterError
from upid.adapters.kubernetes.client.answers import Status
from upid.adapters.kubernetes.client.asking import Asking, Headers, Question
from upid.adapters.kubernetes.writing.refusals import refusal
from upid.adapters.kubernetes.writing.requests import Write

_MARK = 4  # bytes that tell one request of an operation from the next


class Sending(Asking):
    """Asks as a client does, and sends writes as well.

    What ended unclearly is sent again only because every write is a dry run, which may be had as
    often as one likes. A write that stores something must not be: its reply may have been lost.
    """

    def _method(self, question: Question) -> str:
        return question.method if isinstance(question, Write) else super()._method(question)

    def _content_type(self, question: Question) -> str:
        if isinstance(question, Write):
            return question.content_type
        return super()._content_type(question)

    async def _headers(self, question: Question) -> Headers:
        """Return the headers; a write has its operation in the audit log of any level.

        A deletion has no object that could be annotated.
        """
        said = await super()._headers(question)
        if isinstance(question, Write):
            said.append(("Audit-ID", f"{question.operation}-{secrets.token_hex(_MARK)}"))
        return said

    def _judge(
        self, status: Status, code: int, access: Access, asked: str, retry_after: float | None
    ) -> ClusterError:
        return refusal(status, code, access, asked, retry_after)
