from __future__ import annotations

import subprocess
import threading
from pathlib import Path

from postgres_probe import wait_until

from seamwatch.backend.postgres.processes import ProcessWatch
from seamwatch.backend.postgres.supervisor import Supervisor, prune_logs


def spawn() -> ProcessWatch:
    child = subprocess.Popen(["/bin/sleep", "600"])
    return ProcessWatch(child.pid, child=child)


def end(process: ProcessWatch) -> None:
    assert process._child is not None
    process._child.kill()
    process.wait(5.0)


def test_restart_that_fails_is_tried_again_until_it_works(tmp_path: Path) -> None:
    outcomes: list[Exception | None] = [OSError("disk full"), OSError("disk full"), None]

    def restart(cancelled: threading.Event) -> ProcessWatch:
        outcome = outcomes.pop(0)
        if outcome is not None:
            raise outcome
        return spawn()

    first = spawn()
    supervisor = Supervisor(first, restart, log_dir=tmp_path)
    supervisor.start()
    end(first)

    wait_until(lambda: supervisor.restart_count == 1, within_s=5.0)

    assert outcomes == []
    assert supervisor.last_error is None
    supervisor.finish(end)


def test_finish_does_not_wait_for_a_restart_that_never_works(tmp_path: Path) -> None:
    failed = threading.Event()

    def restart(cancelled: threading.Event) -> ProcessWatch:
        failed.set()
        raise OSError("disk full")

    first = spawn()
    supervisor = Supervisor(first, restart, log_dir=tmp_path)
    supervisor.start()
    end(first)
    assert failed.wait(5.0)

    supervisor.finish(end)

    assert supervisor.restart_count == 0


def test_oldest_logs_are_removed_and_other_files_kept(tmp_path: Path) -> None:
    for number in range(5):
        (tmp_path / f"postgresql-2026010{number}-000000.log").write_text("")
    (tmp_path / "notes.txt").write_text("")

    prune_logs(tmp_path, kept=2)

    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "notes.txt",
        "postgresql-20260103-000000.log",
        "postgresql-20260104-000000.log",
    ]
