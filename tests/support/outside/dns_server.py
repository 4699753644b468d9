"""A DNS server on loopback, with the records that a test gives it."""

import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import dns.message
import dns.name
import dns.rcode
import dns.rrset
from dns.rdatatype import RdataType
from dns.resolver import Resolver

Zone = Mapping[tuple[str, str], list[str]]
"""Records by name and kind, such as `("example.net", "TXT")`, as a zone file writes them."""


@contextmanager
def name_server(zone: Zone) -> Iterator[Resolver]:
    """Serves a zone, and yields a resolver that asks this server alone."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(0.05)
        stop = threading.Event()
        thread = threading.Thread(target=_serve, args=(server, zone, stop))
        thread.start()
        try:
            yield resolver_at(server.getsockname()[1])
        finally:
            stop.set()
            thread.join()


def resolver_at(port: int, *, lifetime: float = 3.0) -> Resolver:
    """Returns a resolver that asks one port of this machine."""
    resolver = Resolver(configure=False)
    resolver.nameservers = ["127.0.0.1"]
    resolver.port = port
    resolver.lifetime = lifetime
    return resolver


def _serve(server: socket.socket, zone: Zone, stop: threading.Event) -> None:
    while not stop.is_set():
        try:
            data, sender = server.recvfrom(4096)
        except TimeoutError:
            continue
        server.sendto(_answer(data, zone), sender)


def _answer(data: bytes, zone: Zone) -> bytes:
    query = dns.message.from_wire(data)
    (question,) = query.question
    name, kind = question.name.to_text(omit_final_dot=True), question.rdtype
    answer = dns.message.make_response(query)
    answer.use_edns(0, payload=4096)
    if records := zone.get((name, RdataType.to_text(kind))):
        answer.answer.append(dns.rrset.from_text_list(question.name, 60, "IN", kind, records))
    elif not any(owner == name for owner, _ in zone):
        answer.set_rcode(dns.rcode.NXDOMAIN)
    return answer.to_wire(max_size=65535)
