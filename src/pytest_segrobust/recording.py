"""From items and workers into one store and one report, which is valid at every moment of the run."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from . import opening, options
from .errors import SegrobustError
from .opening import run_key, store_key
from .signals import terminate_as_interrupt, undisturbed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .evidence.records import RequirementResult
    from .evidence.report import Status
    from .python_requirements import PythonRequirement
    from .release import Outcome, Release
    from .requirements.requirement import Requirement


def start(config: pytest.Config) -> None:
    """Open the store and begin to record; called only where a model or a spec was named."""
    if not options.models(config):
        raise pytest.UsageError("--segrobust-spec needs --segrobust-model: without a model nothing would be verified")
    options.collect_named_specs(config)
    opening.calm_hypothesis(config)
    release = _release(config)
    if config.option.collectonly:
        return
    try:
        config.stash[store_key] = opening.open_store(config)
    except SegrobustError as error:
        raise pytest.UsageError(f"--segrobust-report: {error}") from None
    except OSError as error:
        folder = options.report_directory(config)
        why = "it is a file, not a folder" if folder.is_file() else (error.strerror or str(error)).lower()
        raise pytest.UsageError(f"--segrobust-report: {folder} cannot be written: {why}") from None
    config.add_cleanup(config.stash[store_key].close)
    if not hasattr(config, "workerinput"):
        from .junit_types import JunitTypes
        from .workers import Workers

        store, recorder = config.stash[store_key], Recorder(config, release)
        # of hooks that want to be first the last one registered is: the recorder ends the run before JUnit tells of it
        config.pluginmanager.register(JunitTypes(config, store, recorder.faults), "segrobust-junit-types")
        config.pluginmanager.register(recorder, "segrobust-recorder")
        config.pluginmanager.register(Workers(store.path, options.device(config)), "segrobust-workers")


def _release(config: pytest.Config) -> Release | None:
    """The release to compare with, looked at before anything runs; workers compare nothing."""
    directory = options.reference(config)
    if directory is None or hasattr(config, "workerinput"):
        return None
    from .errors import SpecError
    from .release import Release

    try:
        return Release.named(directory, options.margins(config), report=options.report_directory(config))
    except SpecError as error:
        raise pytest.UsageError(f"--segrobust-margin: {error}") from None
    except SegrobustError as error:
        raise pytest.UsageError(f"--segrobust-reference: {error}") from None


class Recorder:
    """On the controller, or in the only process: keeps report.json up to date and says the end."""

    def __init__(self, config: pytest.Config, release: Release | None = None) -> None:
        self.config = config
        self.release = release
        self.outcome: Outcome | None = None
        self.store = config.stash[store_key]
        from .dossier import Dossier
        from .evidence.entries import Entries

        self.entries = Entries()
        self.dossier = Dossier(self.store)
        self._owe_comparison()
        self.directory = options.report_directory(config)
        self.interrupted = False
        self.page_error = ""
        self.faults: list[tuple[str, str]] = []  # of the run as a whole: what it is then, and why
        self.ran: set[str] = set()
        self.locations: dict[str, tuple[str, int | None, str]] = {}
        config.add_cleanup(terminate_as_interrupt())

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """After every item the report on disk says all that is known."""
        identifier = getattr(report, "segrobust", None)
        if identifier is not None:
            self.ran.add(identifier)
            self.locations[identifier] = report.location
        elif report.when == "???":  # type: ignore[comparison-overlap]  # xdist: the worker died while it ran this item
            identifier = self.store.run().get("nodes", {}).get(report.nodeid, report.nodeid.rpartition("::")[2])
            self.ran.add(identifier)
            self.store.event("worker crashed", f"while it decided {identifier}: {report.longreprtext.strip()}")
            self._put_crashed(identifier)
        if identifier is not None and report.when != "teardown":
            self.dossier.count_use()  # now: a run that is killed has asked the test set all the same
            self._write("running")

    def pytest_keyboard_interrupt(self) -> None:
        """Ctrl-C and SIGTERM."""
        self.interrupted = True
        self.store.event("interrupted", "the run was interrupted before its end")

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """The final status; a run that verified nothing does not end green."""
        from .evidence.verdicts import ends_red

        results = self.store.results()
        if session.exitstatus == pytest.ExitCode.OK:
            # judged by the verdicts, whatever options, plugins or markers have made of the items' outcomes
            if not self.ran:
                session.exitstatus = pytest.ExitCode.NO_TESTS_COLLECTED
            elif ends_red(results[name] for name in self.ran if name in results):
                session.exitstatus = pytest.ExitCode.TESTS_FAILED
        with undisturbed():
            self._finish(session)

    def _finish(self, session: pytest.Session) -> None:
        from .evidence.provenance import now

        results = self.store.results()
        self.store.set_run(finished=now(), exit_code=int(session.exitstatus))
        missing = any(result.verdict == "not_run" for result in results.values()) or not results
        missing = missing or bool(self.store.run().get("unread"))
        status: Status = "interrupted" if self.interrupted else "incomplete" if missing else "complete"
        if self.dossier.complete(status):
            self.faults.append(("invalid", self.store.run()["independence"]["words"]))
            if session.exitstatus == pytest.ExitCode.OK:
                session.exitstatus = pytest.ExitCode.TESTS_FAILED
            self.store.set_run(exit_code=int(session.exitstatus))
        self._write(status)
        self.dossier.write_trace(self.directory)
        if self.release is not None and not self.interrupted:
            self._compare(self.release, session)
            self._write(status)
        self._write_page()
        self._write_summary()

    def _owe_comparison(self) -> None:
        """From the first moment on the report says whether a comparison was asked for."""
        if self.release is None:
            self.store.set_run(comparison=None)  # a resumed run may have been asked for one
            return
        from .release import owed

        self.store.set_run(comparison=owed(self.release))

    def _compare(self, release: Release, session: pytest.Session) -> None:
        """Against the release: what is not shown, or could not be compared, does not end green."""
        from .release import compared_with

        self.outcome = compared_with(release, self.directory)
        if not self.outcome.holds:
            self.faults.append(("failed", self.outcome.words()))
            if session.exitstatus == pytest.ExitCode.OK:
                session.exitstatus = pytest.ExitCode.TESTS_FAILED
        self.store.set_run(comparison=self.outcome.to_json(), exit_code=int(session.exitstatus))

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """The table of verdicts, what to mind, and where the report lies."""
        from .ci import github_lines
        from .evidence.report import ending_of
        from .evidence.terminal import approximate_line, failure_text, record_lines, stress_line, summary_lines

        terminalreporter.section("segmentation robustness")
        results = list(self.store.results().values())
        for line in summary_lines(results):
            terminalreporter.write_line(line)
        for result in results:
            if not result.gates and result.verdict in ("failed", "inconclusive"):
                terminalreporter.write_line(f"\n{failure_text(result)}", yellow=True)
        if approximate := approximate_line(results):
            terminalreporter.write_line(approximate, yellow=True)
        if stress := stress_line(results):
            terminalreporter.write_line(stress, yellow=True)
        if not self.ran:
            terminalreporter.write_line("no requirement was run: nothing has been verified", red=True)
        for reason in dict.fromkeys(result.reason for result in results if result.verdict == "invalid"):
            about = ", ".join(result.id for result in results if result.reason == reason)
            terminalreporter.write_line(f"invalid: {about}: {reason}", red=True)
        for warning in self.store.run().get("warnings", []):
            terminalreporter.write_line(f"note: {warning}", yellow=True)
        for text, pressing in self.dossier.lines():
            terminalreporter.write_line(text, **({"red": True} if pressing else {"yellow": True}))
        self._say_comparison(terminalreporter)
        for line, settled in record_lines(ending_of(self.store)):
            terminalreporter.write_line(line, **({} if settled else {"yellow": True}))
        if self.page_error:
            terminalreporter.write_line(f"{self.page_error}; all that was measured is in {self.directory}", red=True)
        else:
            terminalreporter.write_line(f"report: {self.directory / 'report.html'}")
        for line in github_lines(results, self.locations, self.config.rootpath, self.faults):
            terminalreporter.write_line(line)
        for verdict, why in self.faults:
            code = int(self.store.run()["exit_code"])
            terminalreporter.write_line(f"run {verdict.upper()}, exit code {code}: {why}", red=True)

    def _say_comparison(self, terminalreporter: pytest.TerminalReporter) -> None:
        """The table of differences, and in one line what they show."""
        if self.release is None:
            return
        if self.outcome is None:
            terminalreporter.write_line("NOT compared with the release: the run was interrupted", red=True)
            return
        if self.outcome.report is not None:
            from .comparison.printed import table_lines

            for line in table_lines(self.outcome.report):
                terminalreporter.write_line(line)
        colour = (
            {"red": True} if not self.outcome.holds else {"green": True} if self.release.margins else {"yellow": True}
        )
        terminalreporter.write_line(self.outcome.words(), **colour)
        if self.outcome.report is not None:
            terminalreporter.write_line(f"comparison: {self.directory / 'comparison.html'}")

    def _write_page(self) -> None:
        """The page is drawn from what is stored, so a fault in drawing must not cost the verdicts or the exit code."""
        try:
            from .evidence.html import write_html

            write_html(self.directory)
        except Exception as error:
            self.page_error = f"report.html could not be written ({type(error).__name__}: {error})"
            self.store.event("no page", self.page_error)
            self._write(self.store.run()["status"])

    def _write_summary(self) -> None:
        """For CI systems; a fault in it costs neither verdicts nor exit code."""
        from .ci import write_summaries

        try:
            write_summaries(self.directory)
        except Exception as error:
            self.store.event("no summary", f"summary.md could not be written ({type(error).__name__}: {error})")
            self._write(self.store.run()["status"])

    def _put_crashed(self, identifier: str) -> None:
        known = self.store.results().get(identifier)
        if known is not None:
            reason = "the worker process died while it decided this requirement"
            self.store.put_result(replace(known, verdict="invalid", reason=reason))

    def _write(self, status: Status) -> None:
        from .evidence.report import write_report

        self.store.set_run(status=status)
        write_report(self.store, self.directory, status=status, entries=self.entries)


def declare(
    config: pytest.Config,
    requirements: Mapping[str, Requirement | PythonRequirement],
    sources: Mapping[str, str],
    unclaimed: Sequence[str],
) -> None:
    """Every requirement collected, by node id, is in the report from now on, as not run.

    `sources` says file and line by the requirement's id; `unclaimed` are tests that measure and are no requirement.
    """
    store = config.stash.get(store_key, None)
    if store is None:
        return
    store.declare([opening.declaration(requirement) for requirement in requirements.values()])
    from .python_requirements import PythonRequirement

    store.set_run(
        sources=sources,
        unclaimed_tests=unclaimed,
        # a worker that dies leaves no more than the node id of what it was at
        nodes={node_id: requirement.id for node_id, requirement in requirements.items()},
        python_requirements=[each.id for each in requirements.values() if isinstance(each, PythonRequirement)],
    )


def note_deselected(config: pytest.Config, requirement: str) -> None:
    """A requirement that was collected and is not to be run."""
    store = config.stash.get(store_key, None)
    if store is None:
        return
    with store.exclusive():  # every worker says the same
        selection = store.run().get("selection") or {}
        known = selection.get("deselected") or []
        if requirement not in known:
            store.set_run(selection={**selection, "deselected": [*known, requirement]})


def keep(item: pytest.Item, result: RequirementResult) -> None:
    """Write a result down and hang its numbers on the item, for JUnit."""
    from .evidence.junit_profiles import profile_properties

    store = item.config.stash.get(store_key, None)
    if store is None:
        return
    run = item.config.stash.get(run_key, None)
    if run is not None and not result.replay and result.worst is not None:
        result = replace(result, replay=run.settings.replay_command(result.id))
    store.put_result(result)
    item.user_properties += profile_properties(result, store.run(), options.junit_profile(item.config))
