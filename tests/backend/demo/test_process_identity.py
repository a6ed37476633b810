"""A process is known by its number and its start."""

from __future__ import annotations

import os
import signal
import subprocess
from dataclasses import replace

from seamwatch.backend.demo.process_identity import ProcessIdentity


def sleeper() -> subprocess.Popen[bytes]:
    return subprocess.Popen(["/bin/sleep", "60"])


def test_living_process_is_alive_until_it_is_killed() -> None:
    child = sleeper()
    identity = ProcessIdentity.of(child.pid)
    assert identity is not None
    assert identity.is_alive

    identity.send(signal.SIGKILL)

    assert child.wait(5) == -signal.SIGKILL
    assert not identity.is_alive


def test_another_start_is_another_process_and_gets_no_signal() -> None:
    child = sleeper()
    identity = ProcessIdentity.of(child.pid)
    assert identity is not None
    earlier = replace(identity, started=f"{identity.started}0")

    earlier.send(signal.SIGKILL)

    assert not earlier.is_alive
    assert child.poll() is None
    child.kill()
    child.wait()


def test_a_zombie_is_no_process() -> None:
    child = subprocess.Popen(["/bin/sleep", "0"])
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # ended, but not yet collected

    assert ProcessIdentity.of(child.pid) is None

    child.wait()


def test_a_free_number_is_no_process() -> None:
    child = subprocess.Popen(["/bin/sleep", "0"])
    child.wait()

    assert ProcessIdentity.of(child.pid) is None
