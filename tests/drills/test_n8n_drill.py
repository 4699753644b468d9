"""Tests the parts of the n8n drill that need no Node.js; `make drill` runs it with n8n."""

import http.client
import ssl
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import urlsplit

import pytest

from drills.n8n import front, node, scenario
from drills.n8n.node import N8n
from drills.n8n.scenario import Compared, Report
from services.assembly import Lobby


class Echo(BaseHTTPRequestHandler):
    """Answers with what it was asked."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        told = (
            f"{self.headers['Host']} {self.path} {self.headers['OSDI-API-Token']} {body.decode()}"
        )
        self.send_response(409)
        self.send_header("Content-Length", str(len(told)))
        self.end_headers()
        self.wfile.write(told.encode())

    def log_message(self, *_: object) -> None:
        """Writes no log."""


def test_the_proxy_answers_for_action_network_alone_and_hands_requests_on(tmp_path: Path) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), Echo) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        ours = f"127.0.0.1:{server.server_port}"
        with front.proxy(f"http://{ours}", tmp_path) as (proxy, certificate):
            place = urlsplit(proxy)
            trust = ssl.create_default_context(cafile=str(certificate))
            client = http.client.HTTPSConnection(place.hostname or "", place.port, context=trust)
            client.set_tunnel(front.HOST)
            for number in (1, 2):
                client.request("POST", f"/api/v2/{number}", b"body", {"OSDI-API-Token": "key"})
                answer = client.getresponse()
                told = answer.read().decode()
                assert (answer.status, told) == (409, f"{ours} /api/v2/{number} key body")
            client.close()
            other = http.client.HTTPSConnection(place.hostname or "", place.port, context=trust)
            other.set_tunnel("example.org")
            with pytest.raises(OSError, match="403"):
                other.request("GET", "/")
        server.shutdown()


def test_a_row_that_n8n_lacks_or_has_twice_is_a_fault() -> None:
    same = Compared.of("tags", ["a", "b"], ["b", "a"])
    lost = Compared.of("people", ["a", "a"], ["a", "b"])
    assert (lost.listed, lost.stored, lost.missing, lost.unknown) == (2, 2, 1, 1)
    report = Report(lists=[same])
    assert report.faults == []
    report.lists.append(lost)
    report.expect(False, "the key is not accepted")
    assert report.faults == ["the key is not accepted", "people: 1 missing, 1 unknown"]


def test_the_drill_says_what_it_lacks(tmp_path: Path) -> None:
    for name in node.PACKAGES[1:]:
        (tmp_path / "node_modules" / name).mkdir(parents=True)
    why = node.why_absent(tmp_path)
    assert why in (f"{tmp_path} lacks n8n-nodes-base", "there is no Node.js")


def test_the_drill_is_bounded(lobby: Lobby) -> None:
    absent = N8n.__new__(N8n)
    for people in (1, scenario.MOST + 1):
        with pytest.raises(ValueError, match="2 to 500 people"):
            scenario.run(absent, lobby, people)
