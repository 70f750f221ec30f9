"""Every worker gets the store and a device of its own, and a device comes back when its worker dies."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from pytest_segrobust.workers import Workers


def node() -> SimpleNamespace:
    return SimpleNamespace(workerinput={})


def begun(workers: Workers, count: int) -> list[SimpleNamespace]:
    nodes = [node() for _ in range(count)]
    for each in nodes:
        workers.pytest_configure_node(each)
    return nodes


@pytest.fixture
def two_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pytest_segrobust.models.devices.devices_for_workers", lambda: ["cuda:0", "cuda:1"])


@pytest.mark.usefixtures("two_gpus")
def test_workers_share_the_devices_evenly() -> None:
    nodes = begun(Workers(Path("run.sqlite"), None), 4)

    assert [each.workerinput["segrobust_device"] for each in nodes] == ["cuda:0", "cuda:1", "cuda:0", "cuda:1"]
    assert {each.workerinput["segrobust_store"] for each in nodes} == {"run.sqlite"}


@pytest.mark.usefixtures("two_gpus")
def test_a_worker_that_replaces_a_dead_one_gets_its_device() -> None:
    workers = Workers(Path("run.sqlite"), None)
    nodes = begun(workers, 2)

    workers.pytest_testnodedown(nodes[1])

    assert begun(workers, 1)[0].workerinput["segrobust_device"] == "cuda:1"


@pytest.mark.usefixtures("two_gpus")
def test_device_asked_for_is_everyones() -> None:
    nodes = begun(Workers(Path("run.sqlite"), "cpu"), 2)

    assert {each.workerinput["segrobust_device"] for each in nodes} == {"cpu"}


def test_without_gpus_workers_choose_for_themselves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pytest_segrobust.models.devices.devices_for_workers", list)

    assert "segrobust_device" not in begun(Workers(Path("run.sqlite"), None), 1)[0].workerinput
