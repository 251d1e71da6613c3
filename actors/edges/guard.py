"""The guard of what is fetched: no request reaches a private address that the configuration does not name.

A name is resolved once, every address that it has is looked at, and the connection goes to one of just these: a name that
means another address a moment later changes nothing. Redirects come through here as well, hop by hop.
"""

from __future__ import annotations

import ipaddress
import socket
import ssl
from collections.abc import Collection
from functools import cache

import httpx

from events.errors import Rejected, Transient

_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_PORTS = {"http": 80, "https": 443}
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class Guard:
    """``allowed``: hosts as URLs name them (``localhost``, ``10.0.0.7``), each with or without ``:port``, that may be
    private."""

    def __init__(self, allowed: Collection[str] = ()) -> None:
        self._allowed = {name.lower() for name in allowed}

    def addresses(self, host: str, port: int) -> list[str]:
        """The addresses of ``host``, in the order in which to try them.

        Raises ``Rejected`` where one of them is private, link-local, or otherwise no part of the public internet, and the
        host is not allowed; ``Transient`` where the name cannot be resolved now.
        """
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            raise Transient(f"the name {host} cannot be resolved: {error}") from error
        addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
        if not {host.lower(), f"{host.lower()}:{port}"} & self._allowed:
            for address in addresses:
                if not is_public(address):
                    meant = host if host == address else f"{host} ({address})"
                    raise Rejected(
                        "url",
                        f"{meant} is not an address of the public internet; where Hindcast is to read from there, name "
                        f"{host} in `fetching.allow_private`",
                    )
        return addresses


def is_public(address: str) -> bool:
    """Whether packets to ``address`` leave for the public internet, also where it wraps an older address."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    return all(one.is_global and not one.is_multicast for one in (found, *_wrapped(found)))


def _wrapped(address: Address) -> list[ipaddress.IPv4Address]:
    """The IPv4 addresses that an IPv6 address stands for."""
    if isinstance(address, ipaddress.IPv4Address):
        return []
    inner = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
    if address in _NAT64:
        inner.append(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
    return [one for one in inner if one is not None]


class GuardedTransport(httpx.BaseTransport):
    """Sends requests to addresses that ``guard`` has looked at; TLS is checked against the name all the same."""

    def __init__(self, guard: Guard) -> None:
        self._guard = guard
        self._by_host: dict[str, httpx.HTTPTransport] = {}
        """One each, for a connection is kept by its address: two names may share one, and only one of them was checked."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        url = request.url
        if url.scheme not in _PORTS or not url.host:
            raise Rejected("url", f"must begin with http:// or https:// and name a host, got {url.scheme}://{url.host}")
        addresses = self._guard.addresses(url.host, url.port or _PORTS[url.scheme])
        where = f"{url.scheme}://{url.host}"
        transport = self._by_host.get(where)
        if transport is None:
            transport = self._by_host[where] = httpx.HTTPTransport(
                verify=_trusted() if url.scheme == "https" else False
            )
        request.extensions = {**request.extensions, "sni_hostname": url.host}
        for address in addresses:
            request.url = url.copy_with(host=address)
            try:
                return transport.handle_request(request)
            except httpx.ConnectError:
                if address == addresses[-1]:
                    raise
            finally:
                request.url = url
        raise Transient(f"{url.host} has no address")

    def close(self) -> None:
        for transport in self._by_host.values():
            transport.close()


@cache
def _trusted() -> ssl.SSLContext:
    """The authorities that certificates are checked against; read once a process, for that takes a while."""
    return httpx.create_ssl_context()
