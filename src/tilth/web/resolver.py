"""Names of hosts to addresses, each of which is checked before anyone dials it."""

from __future__ import annotations

import asyncio
import socket

from aiohttp.abc import AbstractResolver, ResolveResult

from tilth.web.address import Places, Served, check_address


class CheckedResolver(AbstractResolver):
    """Names to addresses, each one checked; served hosts to their server."""

    def __init__(self, allowed: Places, served: Served) -> None:
        self._allowed = allowed
        self._served = served

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        if host in self._served:
            address, served_port = self._served[host]
            return [_result(host, address, served_port, socket.AF_INET)]
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, family=family)
        results = {}
        for kind, _, _, _, place in found:
            address = str(place[0])
            check_address(host, port, address, self._allowed)
            results[address] = _result(host, address, port, kind)
        return list(results.values())

    async def close(self) -> None:
        """Nothing is held."""


def _result(host: str, address: str, port: int, family: int) -> ResolveResult:
    return ResolveResult(
        hostname=host,
        host=address,
        port=port,
        family=family,
        proto=0,
        flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
    )
