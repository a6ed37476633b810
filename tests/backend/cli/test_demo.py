"""`seamwatch demo`: what it prints, and when it opens a browser."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import pytest

import seamwatch.backend.demo
from seamwatch.backend.cli import demo as command
from seamwatch.backend.cli import main
from seamwatch.backend.demo import RunningDemo
from seamwatch.core import UnavailableError

RUNNING = RunningDemo(
    url="http://127.0.0.1:4320",
    sign_in_link="http://127.0.0.1:4320/sign-in/link?code=abc",
    otlp_grpc="127.0.0.1:4317",
    otlp_http="http://127.0.0.1:4318",
    admin_token_file=".demo/admin-token",  # noqa: S106 (a path)
    storefront="http://127.0.0.1:40001",
    pids={"backend": 11, "payments": 12},
)


class FakeDemo:
    """A demo that runs for no time."""

    started: RunningDemo | Exception | None = RUNNING
    is_asked_to_stop = True
    state_dir: Path | None = None
    was_stopped = False

    def __init__(self, state_dir: Path, **settings: Any) -> None:
        FakeDemo.state_dir = state_dir

    def __enter__(self) -> FakeDemo:
        return self

    def __exit__(self, *error: object) -> None:
        FakeDemo.was_stopped = True

    def start(self) -> RunningDemo | None:
        if isinstance(self.started, Exception):
            raise self.started
        return self.started

    def watch(self) -> bool:
        return self.is_asked_to_stop


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> type[FakeDemo]:
    demo = type("FakeDemoOfTest", (FakeDemo,), {})
    monkeypatch.setattr(seamwatch.backend.demo, "Demo", demo)
    monkeypatch.setattr(command, "has_display", lambda: True)
    monkeypatch.setattr(FakeDemo, "was_stopped", False)
    return demo


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    links: list[str] = []
    monkeypatch.setattr(command, "_open_browser", links.append)
    return links


def test_link_numbers_and_what_to_look_at_are_printed(
    fake: type[FakeDemo], opened: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    code = main(["demo"])

    printed = capsys.readouterr().out
    assert code == 0
    assert RUNNING.sign_in_link in printed
    assert RUNNING.url in printed
    assert "kill 12" in printed
    assert "Ctrl-C stops all" in printed
    assert opened == [RUNNING.sign_in_link]
    assert FakeDemo.state_dir == Path(".demo")


def test_json_is_one_line_and_opens_no_browser(
    fake: type[FakeDemo], opened: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    main(["demo", "--json"])

    ready = json.loads(capsys.readouterr().out)
    assert ready["ready"] is True
    assert ready["sign_in_link"] == RUNNING.sign_in_link
    assert ready["pids"] == {"backend": 11, "payments": 12}
    assert opened == []


def test_no_browser_opens_none(fake: type[FakeDemo], opened: list[str]) -> None:
    main(["demo", "--no-browser"])

    assert opened == []


@pytest.mark.parametrize(
    ("environ", "platform", "expected"),
    [
        ({"DISPLAY": ":0"}, "linux", True),
        ({"WAYLAND_DISPLAY": "wayland-0"}, "linux", True),
        ({"DISPLAY": ""}, "linux", False),
        ({}, "darwin", True),
    ],
)
def test_a_display_is_told_by_the_session(
    environ: dict[str, str], platform: str, expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    for name, text in environ.items():
        monkeypatch.setenv(name, text)
    monkeypatch.setattr(command.sys, "platform", platform)

    assert command.has_display() is expected


def test_a_backend_that_ends_by_itself_is_exit_code_1(
    fake: type[FakeDemo], opened: list[str]
) -> None:
    fake.is_asked_to_stop = False

    assert main(["demo", "--json"]) == 1


def test_a_start_that_fails_is_told_and_what_ran_is_stopped(
    fake: type[FakeDemo], opened: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    fake.started = UnavailableError("payments did not start")

    code = main(["demo"])

    assert (code, capsys.readouterr().err) == (1, "seamwatch: payments did not start\n")
    assert FakeDemo.was_stopped is True


def test_ctrl_c_before_it_is_ready_ends_without_an_announcement(
    fake: type[FakeDemo], opened: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    fake.started = None

    assert main(["demo"]) == 0
    assert capsys.readouterr().out == ""


def test_options_are_those_that_make_demo_passes() -> None:
    parser = argparse.ArgumentParser()
    command.add_parser(parser.add_subparsers())

    given = parser.parse_args(["demo", "--state-dir", "a demo", "--auto-ports"])

    assert (given.state_dir, given.auto_ports, given.no_browser) == (Path("a demo"), True, False)
