"""From items and workers into one store and one report, which is valid at every moment of the run."""

from __future__ import annotations

import contextlib
import shlex
import signal
import uuid
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from . import options
from .errors import SegrobustError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .evidence.records import RequirementResult
    from .evidence.report import Status
    from .evidence.store import Store
    from .python_requirements import PythonRequirement
    from .requirements.requirement import Requirement
    from .requirements.spec import Spec
    from .run import Run

store_key = pytest.StashKey["Store"]()
specs_key = pytest.StashKey["list[Spec]"]()
run_key = pytest.StashKey["Run"]()


def start(config: pytest.Config) -> None:
    """Open the store and begin to record; called only where a model or a spec was named."""
    if not options.models(config):
        raise pytest.UsageError("--segrobust-spec needs --segrobust-model: without a model nothing would be verified")
    options.collect_named_specs(config)
    _calm_hypothesis(config)
    if config.option.collectonly:
        return
    try:
        config.stash[store_key] = _open_store(config)
    except (SegrobustError, OSError) as error:
        raise pytest.UsageError(f"--segrobust-report: {error}") from None
    config.add_cleanup(config.stash[store_key].close)
    if not hasattr(config, "workerinput"):
        from .workers import Workers

        config.pluginmanager.register(Recorder(config), "segrobust-recorder")
        config.pluginmanager.register(
            Workers(config.stash[store_key].path, options.device(config)), "segrobust-workers"
        )


class Recorder:
    """On the controller, or in the only process: keeps report.json up to date and says the end."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.store = config.stash[store_key]
        self.directory = options.report_directory(config)
        self.interrupted = False
        self.page_error = ""
        self.ran: set[str] = set()
        config.add_cleanup(_terminate_as_interrupt())

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """After every item the report on disk says all that is known."""
        identifier = getattr(report, "segrobust", None)
        if identifier is not None:
            self.ran.add(identifier)
        elif report.when == "???":  # type: ignore[comparison-overlap]  # xdist: the worker died while it ran this item
            identifier = report.nodeid.rpartition("::")[2]
            self.ran.add(identifier)
            self.store.event("worker crashed", f"while it decided {identifier}: {report.longreprtext.strip()}")
            self._put_crashed(identifier)
        if identifier is not None and report.when != "teardown":
            self._write("running")

    def pytest_keyboard_interrupt(self) -> None:
        """Ctrl-C and SIGTERM."""
        self.interrupted = True
        self.store.event("interrupted", "the run was interrupted before its end")

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """The final status; a run that verified nothing does not end green."""
        if not self.ran and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.NO_TESTS_COLLECTED
        self.store.set_run(finished=_now(), exit_code=int(session.exitstatus))
        results = self.store.results()
        missing = any(result.verdict == "not_run" for result in results.values()) or not results
        self._write("interrupted" if self.interrupted else "incomplete" if missing else "complete")
        self._write_page()

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """The table of verdicts, what to mind, and where the report lies."""
        from .evidence.terminal import summary_lines

        terminalreporter.section("segmentation robustness")
        results = list(self.store.results().values())
        for line in summary_lines(results):
            terminalreporter.write_line(line)
        if not self.ran:
            terminalreporter.write_line("no requirement was run: nothing has been verified", red=True)
        for warning in self.store.run().get("warnings", []):
            terminalreporter.write_line(f"note: {warning}", yellow=True)
        if self.page_error:
            terminalreporter.write_line(f"{self.page_error}; all that was measured is in {self.directory}", red=True)
        else:
            terminalreporter.write_line(f"report: {self.directory / 'report.html'}")

    def _write_page(self) -> None:
        """The page is drawn from what is stored, so a fault in drawing must not cost the verdicts or the exit code."""
        try:
            from .evidence.html import write_html

            write_html(self.directory)
        except Exception as error:
            self.page_error = f"report.html could not be written ({type(error).__name__}: {error})"
            self.store.event("no page", self.page_error)
            self._write(self.store.run()["status"])

    def _put_crashed(self, identifier: str) -> None:
        known = self.store.results().get(identifier)
        if known is not None:
            reason = "the worker process died while it decided this requirement"
            self.store.put_result(replace(known, verdict="invalid", reason=reason))

    def _write(self, status: Status) -> None:
        from .evidence.report import write_report

        self.store.set_run(status=status)
        write_report(self.store, self.directory, status=status)


def remember_spec(config: pytest.Config, spec: Spec) -> None:
    """Keep a collected spec: the first gives model and data, and no other may differ in them."""
    known = config.stash.setdefault(specs_key, [])
    for other in known:
        if (other.model, other.data, other.decision) != (spec.model, spec.data, spec.decision):
            from .errors import SpecError

            raise SpecError(
                f"{spec.path}: its [model], [data] or [decision] differs from {other.path}; run the two separately"
            )
    known.append(spec)


def open_run(config: pytest.Config) -> Run:
    """The run of this process: settings from the command line, spec as collected or found beside the project's root."""
    if run_key not in config.stash:
        from .run import Run, RunSettings

        specs = config.stash.get(specs_key, []) or [_spec_of_python_tests(config)]
        settings = RunSettings(
            spec=specs[0].path,
            models=tuple(options.models(config)),
            report=options.report_directory(config),
            data_root=options.data_root(config),
            profile=options.profile(config),
            device=options.device(config),
            seed=options.seed(config),
        )
        together = replace(specs[0], requirements=tuple(r for spec in specs for r in spec.requirements))
        config.stash[run_key] = Run(settings, together, config.stash.get(store_key, None))
        _share_cores(config)
    return config.stash[run_key]


def declare(config: pytest.Config, requirements: Sequence[Requirement | PythonRequirement]) -> None:
    """Every requirement collected is in the report from now on, as not run."""
    store = config.stash.get(store_key, None)
    if store is None:
        return
    store.declare(
        [
            {
                "id": requirement.id,
                "statement": requirement.statement,
                "rationale": requirement.rationale,
                "risks": list(requirement.risks),
                "tags": list(requirement.tags),
            }
            for requirement in requirements
        ]
    )
    specs = config.stash.get(specs_key, [])
    if specs:
        store.set_run(
            spec={"path": str(specs[0].path), "sha256": specs[0].sha256, "text_sha256": specs[0].text_sha256},
            specs=[{"path": str(spec.path), "sha256": spec.sha256} for spec in specs],
            warnings=_notes(specs),
        )


def _notes(specs: Sequence[Spec]) -> list[str]:
    """What the report says first: what the user says of the data, then what the spec leaves open."""
    said = [spec.data.note for spec in specs if spec.data.note]
    return list(dict.fromkeys([*said, *(warning for spec in specs for warning in spec.warnings)]))


def keep(item: pytest.Item, result: RequirementResult) -> None:
    """Write a result down and hang its numbers on the item, for JUnit."""
    from .evidence.junit import properties

    store = item.config.stash.get(store_key, None)
    if store is None:
        return
    run = item.config.stash.get(run_key, None)
    if run is not None and not result.replay and result.worst is not None:
        result = replace(result, replay=run.settings.replay_command(result.id))
    store.put_result(result)
    item.user_properties += properties(result, store.run())


def _open_store(config: pytest.Config) -> Store:
    from .evidence.store import Store

    handed = getattr(config, "workerinput", {}).get("segrobust_store")
    if handed:
        return Store.open(Path(handed))
    from .evidence.older_runs import make_way

    directory = options.report_directory(config)
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / "run.sqlite"
    if options.resume(config) and path.exists():
        store = Store.open(path)
        store.event("resumed", f"took over what a run started {store.run().get('started', 'earlier')} had measured")
    else:
        failing = _failing_points(make_way(path))
        store = Store.create(path, {"first_points": failing})
    store.set_run(
        started=_now(),
        command=shlex.join(["pytest", *map(str, config.invocation_params.args)]),
        run_id=uuid.uuid4().hex,
        directory=str(config.invocation_params.dir),
        profile=options.profile(config),
        seed=options.seed(config),
        status="running",
    )
    return store


def _failing_points(older: Path | None) -> dict[str, list[Any]]:
    """Where requirements failed in the last run of this folder: the next one looks there first."""
    if older is None:
        return {}
    from .evidence.store import Store

    with Store.open(older) as store:
        return {
            result.id: [result.worst["parameters"]]
            for result in store.results().values()
            if result.verdict == "failed" and result.worst is not None
        }


def _spec_of_python_tests(config: pytest.Config) -> Spec:
    from .errors import SpecError
    from .requirements.spec import load

    for directory in dict.fromkeys((config.rootpath, config.invocation_params.dir)):
        path = directory / options.SPEC_NAME
        if path.is_file():
            spec = load(path)
            remember_spec(config, spec)
            declare(config, [])
            return spec
    raise SpecError(
        f"no {options.SPEC_NAME} in {config.rootpath}: it says how to open the model and where the cases are "
        "(--segrobust-spec=FILE names another)"
    )


def _share_cores(config: pytest.Config) -> None:
    """Workers of one machine share its cores: two networks on all cores each are slower than on half of them."""
    workers = getattr(config, "workerinput", {}).get("workercount", 1)
    if workers > 1:
        import torch

        torch.set_num_threads(max(1, torch.get_num_threads() // workers))


def _calm_hypothesis(config: pytest.Config) -> None:
    """An example costs a whole evaluation here: no deadline, and no health check that a slow example trips.

    Done before test modules are imported, so that a user's own `@settings(max_examples=...)` inherits it.
    """
    if config.getoption("--hypothesis-profile", None):
        return
    from hypothesis import HealthCheck, settings

    settings.register_profile(
        "segrobust",
        deadline=None,
        max_examples=25,
        print_blob=False,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
    )
    settings.load_profile("segrobust")


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _terminate_as_interrupt() -> Callable[[], None]:
    """Treat SIGTERM, which CI systems send, like Ctrl-C; return what undoes it."""

    def interrupt(_signum: int, _frame: Any) -> None:
        raise KeyboardInterrupt("terminated")

    with contextlib.suppress(ValueError):  # not the main thread: then nobody sends us signals either
        if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
            signal.signal(signal.SIGTERM, interrupt)
            return _restore_termination
    return lambda: None


def _restore_termination() -> None:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
