"""One demo per state folder; a later one takes it from an earlier one."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from seamwatch.backend.demo.ownership import Ownership
from seamwatch.backend.demo.process_identity import ProcessIdentity

HOLDER = """
import sys, signal, threading
from pathlib import Path
from seamwatch.backend.demo.ownership import Ownership
ownership = Ownership(Path(sys.argv[1]))
ownership.take(print)
if sys.argv[2] == "clean":
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    print("ready", flush=True)
    stop.wait()
    ownership.release()
"""


def start_holder(state_dir: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(state_dir), "clean"], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def test_record_names_the_processes_and_goes_with_the_lock(tmp_path: Path) -> None:
    ownership = Ownership(tmp_path)
    told: list[str] = []

    ownership.take(told.append)
    child = subprocess.Popen(["/bin/sleep", "60"])
    ownership.add("payments", child.pid)
    record = json.loads((tmp_path / "demo.json").read_text())
    ownership.release()
    child.kill()
    child.wait()

    assert set(record) == {"demo", "payments"}
    assert record["payments"]["pid"] == child.pid
    assert told == []
    assert not (tmp_path / "demo.json").exists()


def test_running_demo_is_asked_to_end_and_its_folder_taken(tmp_path: Path) -> None:
    holder = start_holder(tmp_path)
    told: list[str] = []

    ownership = Ownership(tmp_path)
    ownership.take(told.append)

    assert holder.wait(5) == 0
    assert told == [f"ending the demo that runs here already (process {holder.pid})"]
    assert "demo" in json.loads((tmp_path / "demo.json").read_text())
    ownership.release()
    assert holder.stdout is not None
    holder.stdout.close()


def test_what_a_killed_demo_left_is_ended(tmp_path: Path) -> None:
    child = subprocess.Popen(["/bin/sleep", "60"])
    identity = ProcessIdentity.of(child.pid)
    assert identity is not None
    entry = {"pid": identity.pid, "started": identity.started}
    (tmp_path / "demo.json").write_text(json.dumps({"payments": entry}))

    ownership = Ownership(tmp_path)
    ownership.take(lambda line: None)

    assert child.wait(5) != 0
    ownership.release()


def test_a_stranger_with_a_recorded_number_is_left_alone(tmp_path: Path) -> None:
    child = subprocess.Popen(["/bin/sleep", "60"])
    entry = {"pid": child.pid, "started": "before the last boot"}
    (tmp_path / "demo.json").write_text(json.dumps({"payments": entry}))

    ownership = Ownership(tmp_path)
    ownership.take(lambda line: None)

    assert child.poll() is None
    child.kill()
    child.wait()
    ownership.release()


def test_a_record_that_was_cut_short_does_not_matter(tmp_path: Path) -> None:
    (tmp_path / "demo.json").write_text('{"demo": {"pid"')

    ownership = Ownership(tmp_path)
    ownership.take(lambda line: None)

    assert set(json.loads((tmp_path / "demo.json").read_text())) == {"demo"}
    ownership.release()


def test_release_of_what_was_never_taken_leaves_the_owners_record(tmp_path: Path) -> None:
    owner = Ownership(tmp_path)
    owner.take(lambda line: None)

    Ownership(tmp_path).release()

    assert (tmp_path / "demo.json").exists()
    owner.release()
