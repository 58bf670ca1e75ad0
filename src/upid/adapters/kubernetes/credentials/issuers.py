"""Tokens of an OpenID Connect issuer: `auth-provider: oidc` of a kubeconfig.

An id-token that ends is replaced with the refresh-token at the issuer's token endpoint. What comes
back stays in memory: unlike kubectl, UPID never writes to a kubeconfig.
"""

import asyncio
import base64
import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from upid.adapters.kubernetes.credentials.proofs import Bearer
from upid.adapters.kubernetes.errors import CredentialsFailed
from upid.kit.clock import Clock, system_clock

if TYPE_CHECKING:
    import httpx2

_LEEWAY = timedelta(seconds=10)  # client-go's, against clocks that differ
_SECONDS = 30.0
_ANSWER = 1 << 20  # bytes; a token response has some thousand
_REFUSALS = range(400, 500)


@dataclass(frozen=True, slots=True)
class Issuer:
    """Who issues the tokens, and what UPID is to them.

    authority  PEM of the authorities that the issuer's certificate is checked against
    proxy      URL of a proxy on the way to the issuer
    """

    url: str
    client: str
    secret: str = field(default="", repr=False)
    authority: str = field(default="", repr=False)
    proxy: str | None = field(default=None, repr=False)


class IssuedToken(Bearer):
    """An id-token, and the refresh-token that gets the next one."""

    def __init__(
        self,
        issuer: Issuer,
        user: str,
        *,
        token: str = "",
        refresh: str = "",
        clock: Clock = system_clock,
    ) -> None:
        self._issuer, self._user, self._clock = issuer, user, clock
        self._token, self._refresh = token, refresh
        self._at: datetime | None = None  # of the last refresh
        self._one = asyncio.Lock()

    async def token(self) -> str:
        """Return the id-token, a fresh one if this one ends."""
        async with self._one:
            if not self._token or self._ends():
                await self._fetch()
            return self._token

    async def renew(self) -> bool:
        """Fetch another token; of many refused requests the first one's fetch counts for all."""
        async with self._one:
            if self._at is not None and self._clock() - self._at < _LEEWAY:
                return True
            before = self._token
            if not self._refresh:
                return False
            await self._fetch()
            return self._token != before

    def _ends(self) -> bool:
        """Return whether the token says that it ends soon."""
        try:
            _, claims, _ = self._token.split(".")
            said = json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))
            ends = float(said["exp"])
        except (ValueError, KeyError, TypeError):
            raise self._failed(
                "the id-token in the kubeconfig is no JWT that says its end"
            ) from None
        return (self._clock() + _LEEWAY).timestamp() >= ends

    async def _fetch(self) -> None:
        if not self._refresh:
            raise self._failed("the id-token has ended, and there is no refresh-token")
        import httpx2

        try:
            async with self._client(httpx2) as client, asyncio.timeout(_SECONDS):
                answer = await self._refreshed(client, await self._endpoint(client))
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError, TimeoutError) as error:
            why = f"the issuer '{self._shown}' cannot be reached ({type(error).__name__})"
            raise self._failed(why) from None
        token = answer.get("id_token")
        if not isinstance(token, str) or not token:
            raise self._failed(f"the issuer '{self._shown}' answers without an id_token")
        refresh = answer.get("refresh_token")
        if isinstance(refresh, str) and refresh:
            self._refresh = refresh
        self._token, self._at = token, self._clock()

    def _client(self, httpx: Any) -> "httpx2.AsyncClient":  # noqa: ANN401 - the module, loaded late
        context = ssl.create_default_context(cadata=self._issuer.authority or None)
        client: httpx2.AsyncClient = httpx.AsyncClient(
            verify=context, proxy=self._issuer.proxy, trust_env=False, follow_redirects=False
        )
        return client

    async def _endpoint(self, client: "httpx2.AsyncClient") -> str:
        """Return the token endpoint that the issuer announces."""
        known = f"{self._issuer.url.removesuffix('/')}/.well-known/openid-configuration"
        status, answer = await self._asked(client, "GET", known)
        found = answer.get("token_endpoint")
        if status != 200 or not isinstance(found, str) or not found:  # noqa: PLR2004 - HTTP's OK
            raise self._failed(f"the issuer '{self._shown}' announces no token_endpoint ({status})")
        return found

    async def _refreshed(self, client: "httpx2.AsyncClient", endpoint: str) -> dict[str, object]:
        """Return the answer to a refresh; the client's secret goes in the header, else the form."""
        form = {"grant_type": "refresh_token", "refresh_token": self._refresh}
        named = {**form, "client_id": self._issuer.client}
        if not self._issuer.secret:
            status, answer = await self._asked(client, "POST", endpoint, named)
        else:
            pair = f"{quote(self._issuer.client, safe='')}:{quote(self._issuer.secret, safe='')}"
            header = {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}
            status, answer = await self._asked(client, "POST", endpoint, form, header)
            if status in _REFUSALS:
                named["client_secret"] = self._issuer.secret
                status, answer = await self._asked(client, "POST", endpoint, named)
        if status != 200:  # noqa: PLR2004
            raise self._failed(f"the issuer '{self._shown}' refuses to refresh ({status})")
        return answer

    async def _asked(
        self,
        client: "httpx2.AsyncClient",
        method: str,
        url: str,
        form: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> tuple[int, dict[str, object]]:
        """Return status and JSON of an answer that is read only so far."""
        if urlsplit(url).scheme != "https":
            raise self._failed(f"the issuer '{self._shown}' is not asked without https")
        body = bytearray()
        async with client.stream(method, url, data=form, headers=headers) as response:
            async for piece in response.aiter_bytes():
                body += piece
                if len(body) > _ANSWER:
                    raise self._failed(f"the issuer '{self._shown}' answers without an end")
        try:
            found = json.loads(bytes(body))
        except ValueError:
            found = None
        return response.status_code, found if isinstance(found, dict) else {}

    @property
    def _shown(self) -> str:
        """Return the issuer's host, which alone is fit for a message."""
        return urlsplit(self._issuer.url).hostname or "?"

    def _failed(self, why: str) -> CredentialsFailed:
        return CredentialsFailed(
            self._user, why, "log in again with the tool that wrote the kubeconfig"
        )
