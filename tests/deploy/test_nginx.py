"""nginx.conf as it is, on other ports and with a certificate of its own, in front of a small server on loopback."""

import http.client
import http.server
import json
import re
import shutil
import socket
import ssl
import subprocess
import threading
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
OPENSSL = shutil.which("openssl")
PROBLEM = "application/problem+json"
FORGED = {"X-Forwarded-For": "6.6.6.6", "X-Real-IP": "6.6.6.6", "Forwarded": "for=6.6.6.6", "X-Forwarded-Host": "evil"}
STREAM_GAP_S = 0.6

pytestmark = pytest.mark.skipif(not (NGINX and OPENSSL), reason="nginx or openssl is not installed")


class App(http.server.BaseHTTPRequestHandler):
    """Stands where the tunnel's end would be: echoes headers, streams, and refuses as the app would."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if self.path.endswith("/events"):
            self._stream()
        elif self.path == "/own-problem":
            self._answer(503, b'{"code":"busy"}', PROBLEM)
        else:
            self._answer(200, json.dumps({k.lower(): v for k, v in self.headers.items()}).encode(), "application/json")

    def do_POST(self):
        size = len(self.rfile.read(int(self.headers["Content-Length"])))
        self._answer(200, json.dumps({"bytes": size}).encode(), "application/json")

    def _answer(self, status, body, kind):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _stream(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        self.close_connection = True
        for data in (b"data: first\n\n", b"data: second\n\n"):
            self.wfile.write(data)
            self.wfile.flush()
            time.sleep(STREAM_GAP_S)

    def log_message(self, *args):
        """Say nothing."""


def _free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Edge:
    """nginx in a folder of its own, and the app behind it."""

    def __init__(self, folder):
        self.folder, self.http, self.https = folder, _free_port(), _free_port()
        self.app = http.server.ThreadingHTTPServer(("127.0.0.1", 0), App)
        self.spare = _free_port()
        self._certificate()
        self.conf = folder / "nginx.conf"
        self.conf.write_text(self._configuration())

    def _certificate(self):
        command = [OPENSSL, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
        command += ["-addext", "subjectAltName=DNS:localhost", "-keyout", "privkey.pem", "-out", "fullchain.pem"]
        subprocess.run(command, cwd=self.folder, check=True, capture_output=True, timeout=60)

    def _configuration(self):
        """The shipped file with this machine's ports and paths; everything else stays."""
        text = (ROOT / "nginx.conf").read_text()
        changes = [
            (r"^user .*;$", ""),
            (r"^\s*listen \[::\].*;$", ""),
            (r"listen 80 ", f"listen 127.0.0.1:{self.http} "),
            (r"listen 443 ", f"listen 127.0.0.1:{self.https} "),
            (r"127\.0\.0\.1:9000", f"127.0.0.1:{self.app.server_port}"),
            (r"127\.0\.0\.1:9001", f"127.0.0.1:{self.spare}"),
            (r"/etc/letsencrypt/live/soundroutine\.example", str(self.folder)),
            (r"/run/nginx\.pid|/var/log/nginx", lambda m: str(self.folder / Path(m[0]).name)),
        ]
        for old, new in changes:
            text, count = re.subn(old, new, text, flags=re.MULTILINE)
            assert count, f"nginx.conf holds nothing like {old}"
        (self.folder / "nginx").mkdir(exist_ok=True)
        temp = "".join(
            f"{k}_temp_path {self.folder}/{k};\n" for k in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        return text.replace("http {", f"http {{\n{temp}", 1)

    def check(self):
        return subprocess.run(
            [NGINX, "-t", "-p", self.folder, "-c", self.conf], check=False, capture_output=True, text=True, timeout=30
        )

    def start(self):
        threading.Thread(target=self.app.serve_forever, daemon=True).start()
        self.nginx = subprocess.Popen(
            [NGINX, "-p", self.folder, "-c", self.conf, "-g", "daemon off;"], stderr=subprocess.DEVNULL
        )
        for _ in range(100):
            with socket.socket() as s:
                if s.connect_ex(("127.0.0.1", self.https)) == 0:
                    return self
            time.sleep(0.05)
        raise AssertionError("nginx did not start")

    def stop_app(self):
        self.app.shutdown()
        self.app.server_close()

    def stop(self):
        self.nginx.terminate()
        self.nginx.wait(10)

    def connect(self):
        trust = ssl.create_default_context(cafile=str(self.folder / "fullchain.pem"))
        return http.client.HTTPSConnection("localhost", self.https, context=trust, timeout=15)

    def ask(self, method, path, body=None, headers=None):
        connection = self.connect()
        try:
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()
        finally:
            connection.close()


@pytest.fixture(scope="module")
def edge(tmp_path_factory):
    made = Edge(tmp_path_factory.mktemp("edge")).start()
    yield made
    made.stop()
    made.stop_app()


def test_nginx_accepts_the_file(tmp_path):
    made = Edge(tmp_path)
    run = made.check()
    made.app.server_close()
    assert run.returncode == 0, run.stderr
    assert "warn" not in run.stderr, run.stderr


def test_what_a_client_claims_about_itself_is_overwritten(edge):
    status, headers, body = edge.ask("GET", "/v1/styles", headers=FORGED)
    seen = json.loads(body)
    assert status == 200
    assert seen["x-forwarded-for"] == "127.0.0.1"
    assert seen["x-forwarded-proto"] == "https"
    assert seen["host"].startswith("localhost")
    assert not {"x-real-ip", "forwarded", "x-forwarded-host"} & set(seen)
    assert headers["Strict-Transport-Security"]
    assert "nginx/" not in headers["Server"]


def test_an_upload_passes(edge):
    status, _, body = edge.ask("POST", "/v1/assets", b"x" * 3_000_000)
    assert (status, json.loads(body)) == (200, {"bytes": 3_000_000})


def test_a_request_that_is_too_large_is_a_problem_before_it_is_sent(edge):
    connection = edge.connect()
    connection.putrequest("POST", "/v1/beat")
    connection.putheader("Content-Length", str(501 * 1024 * 1024))
    connection.endheaders()
    answer = connection.getresponse()
    problem = json.loads(answer.read())
    connection.close()
    assert (answer.status, answer.headers["Content-Type"]) == (413, PROBLEM)
    assert (problem["status"], problem["code"]) == (413, "too_large")


def test_events_arrive_one_by_one(edge):
    connection = edge.connect()
    connection.request("GET", "/v1/jobs/j1/events")
    answer = connection.getresponse()
    began = time.monotonic()
    assert answer.readline() == b"data: first\n"
    first_s = time.monotonic() - began
    assert first_s < STREAM_GAP_S / 2
    assert b"second" in answer.read()
    connection.close()


def test_metrics_are_not_for_the_outside(edge):
    for path in ("/metrics", "/metrics/", "/metrics?x=1"):
        status, headers, body = edge.ask("GET", path)
        assert (status, headers["Content-Type"], json.loads(body)["code"]) == (404, PROBLEM, "not_found")


def test_the_apps_own_problems_pass_through(edge):
    status, headers, body = edge.ask("GET", "/own-problem")
    assert (status, headers["Content-Type"], body) == (503, PROBLEM, b'{"code":"busy"}')


def test_http_is_sent_to_https(edge):
    connection = http.client.HTTPConnection("127.0.0.1", edge.http, timeout=10)
    connection.request("GET", "/docs?a=1", headers={"Host": "soundroutine.example"})
    answer = connection.getresponse()
    connection.close()
    assert (answer.status, answer.headers["Location"]) == (301, "https://soundroutine.example/docs?a=1")


def test_old_tls_is_refused(edge):
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
    old.set_ciphers("DEFAULT:@SECLEVEL=1")
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    old.set_ciphers("AES128-SHA:@SECLEVEL=1")
    with socket.create_connection(("127.0.0.1", edge.https), timeout=10) as raw, pytest.raises(ssl.SSLError):
        old.wrap_socket(raw)


def test_while_the_tunnel_is_down_the_answer_is_a_problem_that_says_when_to_come_back(tmp_path):
    edge = Edge(tmp_path).start()
    edge.stop_app()
    try:
        for method, body in (("GET", None), ("POST", b"{}")):
            status, headers, answer = edge.ask(method, "/v1/beats", body)
            problem = json.loads(answer)
            assert (status, headers["Content-Type"], headers["Retry-After"]) == (503, PROBLEM, "5")
            assert (problem["status"], problem["code"]) == (503, "unavailable")
    finally:
        edge.stop()


def test_the_second_tunnel_takes_over(tmp_path):
    edge = Edge(tmp_path).start()
    edge.stop_app()
    spare = http.server.ThreadingHTTPServer(("127.0.0.1", edge.spare), App)
    threading.Thread(target=spare.serve_forever, daemon=True).start()
    try:
        assert [edge.ask("POST", "/v1/beat", b"{}")[0] for _ in range(4)] == [200] * 4
    finally:
        edge.stop()
        spare.shutdown()
        spare.server_close()
