from __future__ import annotations

import signal
import subprocess
from pathlib import Path

from postgres_probe import wait_until

from seamwatch.backend.postgres.processes import ProcessWatch, end_leftovers, processes_of


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


def test_watch_without_a_descriptor_sees_the_end_too(scratch: Path) -> None:
    child = subprocess.Popen(["/bin/sleep", "600"])
    watch = ProcessWatch(child.pid, child=child)
    watch.close()

    assert not watch.wait(0.05)
    watch.send(signal.SIGKILL)

    assert watch.wait(5.0)
    wait_until(watch.has_ended, within_s=1.0)
