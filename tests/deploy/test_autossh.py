"""autossh.service: the tunnel ends on loopback on both sides, gives up dead links, and may do nothing else."""

import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "autossh.service").read_text()


def _section(name):
    body = re.search(rf"^\[{name}\]\n(.*?)(?=^\[|\Z)", TEXT, re.MULTILINE | re.DOTALL)[1]
    joined = re.sub(r"\\\n\s*", " ", body)
    return [line for line in joined.splitlines() if line and not line.startswith("#")]


def _values(section, key):
    return [line.split("=", 1)[1] for line in _section(section) if line.split("=", 1)[0] == key]


def _command():
    return shlex.split(_values("Service", "ExecStart")[0])


def test_the_command_is_the_designs():
    words = _command()
    assert words[0] == "/usr/bin/autossh"
    assert words[words.index("-M") + 1] == "0"
    assert "-N" in words
    assert [words[i + 1] for i, w in enumerate(words) if w == "-R"] == ["127.0.0.1:9000:127.0.0.1:8000"]
    assert words[-1] == "${VPS}"


def test_nothing_listens_on_a_public_address():
    assert not [word for word in _command() if "0.0.0.0" in word or "*" in word or word in {"-g", "-L", "-D"}]


@pytest.mark.parametrize(
    "option",
    [
        "BatchMode=yes",
        "ExitOnForwardFailure=yes",
        "ServerAliveInterval=5",
        "ServerAliveCountMax=2",
        "IdentitiesOnly=yes",
        "StrictHostKeyChecking=yes",
    ],
)
def test_ssh_is_told(option):
    words = _command()
    assert option in [words[i + 1] for i, w in enumerate(words) if w == "-o"]


def test_it_comes_back_and_is_confined():
    assert _values("Service", "Restart") == ["always"]
    assert _values("Unit", "StartLimitIntervalSec") == ["0"]
    assert "AUTOSSH_GATETIME=0" in _values("Service", "Environment")
    assert _values("Service", "User") not in ([], ["root"])
    for key in ("NoNewPrivileges", "PrivateTmp", "ProtectHome"):
        assert _values("Service", key) == ["yes"], key


def test_the_ports_are_those_that_nginx_forwards_to():
    ports = set(re.findall(r"server 127\.0\.0\.1:(\d+)", (ROOT / "nginx.conf").read_text()))
    assert set(re.findall(r'permitlisten="127\.0\.0\.1:(\d+)"', TEXT)) == ports == {"9000", "9001"}
    assert "restrict,port-forwarding," in TEXT


def test_ssh_accepts_the_options():
    ssh = shutil.which("ssh")
    if not ssh:
        pytest.skip("ssh is not installed")
    words = _command()
    options = [w for i, o in enumerate(words) if o == "-o" for w in ("-o", words[i + 1])]
    run = subprocess.run([ssh, "-G", *options, "vps.example"], check=False, capture_output=True, text=True, timeout=20)
    assert run.returncode == 0, run.stderr


def test_systemd_accepts_the_unit():
    verify = shutil.which("systemd-analyze")
    if not verify:
        pytest.skip("systemd-analyze is not installed")
    run = subprocess.run(
        [verify, "verify", "--man=no", ROOT / "autossh.service"],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    ours = [line for line in run.stderr.splitlines() if "autossh.service" in line and "not executable" not in line]
    assert not ours, run.stderr
