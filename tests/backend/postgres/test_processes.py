from __future__ import annotations

import signal
import subprocess
from pathlib import Path

from postgres_probe import wait_until

from seamwatch.backend.postgres.processes import (
    ProcessWatch,
    _is_ours_by_title,
    end_leftovers,
    processes_of,
)


def test_watch_sees_the_end_of_a_process_that_is_no_child() -> None:
    # The shell ends at once and leaves the sleep to init.
    shell = subprocess.run(
        ["/bin/sh", "-c", "sleep 600 >/dev/null 2>&1 & echo $!"], capture_output=True, check=True
    )
    watch = ProcessWatch(int(shell.stdout))
    assert not watch.wait(0.05)

    watch.send(signal.SIGKILL)

    assert watch.wait(5.0)
    watch.send(signal.SIGKILL)  # harmless
    watch.close()


def test_process_that_only_works_in_the_same_folder_is_left_alone(scratch: Path) -> None:
    bystander = subprocess.Popen(["/bin/sleep", "600"], cwd=scratch)
    try:
        assert processes_of(scratch, cluster_name="none") == []

        end_leftovers(scratch, cluster_name="none", grace_s=0)

        assert bystander.poll() is None
    finally:
        bystander.kill()
        bystander.wait()


def test_process_whose_folder_is_hidden_is_known_by_its_title_user_and_control_group(
    scratch: Path,
) -> None:
    # Root in a container lacks CAP_SYS_PTRACE: of another user's process /proc shows only this much.
    process, data_dir = scratch / "proc", scratch / "data"
    process.mkdir()
    uid = process.stat().st_uid
    (process / "cgroup").write_bytes(Path("/proc/self/cgroup").read_bytes())

    def is_ours(title: bytes, uid: int) -> bool:
        (process / "cmdline").write_bytes(title)
        return _is_ours_by_title(process, data_dir, "seamwatch-1", uid)

    postmaster = b"/opt/pg/bin/postgres\0-D\0" + bytes(data_dir) + b"\0"
    assert is_ours(postmaster, uid)
    assert is_ours(b"postgres: seamwatch-1: checkpointer \0\0\0", uid)
    assert not is_ours(b"postgres: seamwatch-2: checkpointer ", uid)
    assert not is_ours(postmaster, uid + 1)
    (process / "cgroup").write_text("0::/another-container\n")
    assert not is_ours(postmaster, uid)


def test_watch_without_a_descriptor_sees_the_end_too(scratch: Path) -> None:
    child = subprocess.Popen(["/bin/sleep", "600"])
    watch = ProcessWatch(child.pid, child=child)
    watch.close()

    assert not watch.wait(0.05)
    watch.send(signal.SIGKILL)

    assert watch.wait(5.0)
    wait_until(watch.has_ended, within_s=1.0)
