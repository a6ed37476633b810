"""Children that are watched, stopped in order, and never outlive the demo."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.polling import wait_for

from seamwatch.backend.demo.ownership import Ownership
from seamwatch.backend.demo.process_group import ProcessGroup
from seamwatch.backend.demo.process_identity import ProcessIdentity

STUBBORN = "import signal, time; signal.signal(15, signal.SIG_IGN); print('on', flush=True); time.sleep(60)"
KILLED_DEMO = """
import os, sys, signal
from pathlib import Path
from seamwatch.backend.demo.ownership import Ownership
from seamwatch.backend.demo.process_group import ProcessGroup
state_dir = Path(sys.argv[1])
ownership = Ownership(state_dir)
ownership.take(print)
group = ProcessGroup(state_dir, ownership, is_urgent=lambda: False)
group.start("one", ["sleep", "60"], os.environ)
group.start("two", ["sh", "-c", "sleep 60 & wait"], os.environ)
print(*group.pids.values(), flush=True)
signal.pause()
"""


class Hurry:
    """Whether anybody waits."""

    is_urgent = False


@pytest.fixture
def hurry() -> Hurry:
    return Hurry()


@pytest.fixture
def group(tmp_path: Path, hurry: Hurry) -> Iterator[ProcessGroup]:
    ownership = Ownership(tmp_path)
    ownership.take(lambda line: None)
    made = ProcessGroup(tmp_path, ownership, is_urgent=lambda: hurry.is_urgent)
    yield made
    made.close()
    ownership.release()


def start_stubborn(group: ProcessGroup) -> None:
    group.start("stubborn", [sys.executable, "-c", STUBBORN], os.environ)
    wait_for(lambda: group.log_path("stubborn").read_text() == "on\n", "it ignores SIGTERM")


def test_output_goes_to_a_log_of_the_process(group: ProcessGroup) -> None:
    group.start("talker", ["sh", "-c", "echo out; echo err >&2"], os.environ).wait(5)

    assert group.log_path("talker").read_text() == "out\nerr\n"


def test_an_end_is_told_once_with_its_exit_code(group: ProcessGroup) -> None:
    group.start("short", ["sh", "-c", "exit 3"], os.environ).wait(5)
    group.start("long", ["sleep", "60"], os.environ)

    assert [group.newly_ended(), group.newly_ended()] == [{"short": 3}, {}]


def test_an_end_that_was_asked_for_is_not_told(group: ProcessGroup) -> None:
    group.start("long", ["sleep", "60"], os.environ)

    assert group.stop(["long"], timeout_s=5) is True
    assert group.newly_ended() == {}


def test_who_ignores_sigterm_is_killed_after_the_time(group: ProcessGroup) -> None:
    start_stubborn(group)

    began = time.monotonic()
    ended_by_itself = group.stop(["stubborn"], timeout_s=0.3)

    assert ended_by_itself is False
    assert 0.3 <= time.monotonic() - began <= 3.0


def test_nobody_waits_when_it_is_urgent(group: ProcessGroup, hurry: Hurry) -> None:
    start_stubborn(group)
    hurry.is_urgent = True

    began = time.monotonic()
    group.stop(["stubborn"], timeout_s=30)

    assert time.monotonic() - began <= 3.0


def test_long_logs_are_emptied_and_go_on(group: ProcessGroup) -> None:
    fill = "head -c 5000000 /dev/zero; read line < /dev/null; kill -STOP $$; echo more"
    child = group.start("talker", ["sh", "-c", fill], os.environ)
    os.waitid(os.P_PID, child.pid, os.WSTOPPED | os.WNOWAIT)

    group.trim_logs()
    child.send_signal(signal.SIGCONT)
    child.wait(5)

    assert group.log_path("talker").read_text() == "more\n"


def test_children_of_a_killed_demo_end_and_its_folder_is_free(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", KILLED_DEMO, str(tmp_path)], stdout=subprocess.PIPE, text=True
    ) as demo:
        assert demo.stdout is not None
        pids = [int(word) for word in demo.stdout.readline().split()]
        demo.kill()

    wait_for(lambda: [p for p in pids if ProcessIdentity.of(p)] == [], "the children have ended")
    successor = Ownership(tmp_path)
    successor.take(lambda line: None)
    successor.release()
