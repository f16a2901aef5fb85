"""What the benchmarks have to reach, on two cores. README.md shows the same table."""

from __future__ import annotations

from dataclasses import dataclass

BENCHMARKS = (
    "data_core",
    "start_up",
    "idle",
    "stf_chain",
    "fast_path",
    "scaling",
    "recorder",
    "heartbeats",
    "stream",
    "million",
    "mcp",
    "pages",
)
"""All of them, in the order in which they run."""


@dataclass(frozen=True)
class Goal:
    """A limit for one figure of a benchmark.

    :param figure: its name among the figures of the benchmark
    :param at_least: the figure may not be less than the limit; else it may not be more
    """

    benchmark: str
    figure: str
    what: str
    limit: float
    unit: str = ""
    at_least: bool = False

    def is_met_by(self, measured: float | None) -> bool:
        """Whether a figure reaches the goal; one that was not measured does not."""
        if measured is None:
            return False
        return measured >= self.limit if self.at_least else measured <= self.limit

    @property
    def text(self) -> str:
        """The goal for people, such as `≤ 4 ms`."""
        sign = "" if not self.limit else "≥ " if self.at_least else "≤ "
        return f"{sign}{self.limit:,g} {self.unit}".rstrip()

    @property
    def row(self) -> str:
        """The goal as a row of the table in README.md."""
        return f"| `{self.benchmark}` | {self.what} | {self.text} |"


def shown(figure: float | list[float] | None) -> str:
    """A figure with three digits, or a range of two; empty when there is none."""
    if figure is None:
        return ""
    if isinstance(figure, list):
        return " to ".join(shown(one) for one in figure)
    return f"{figure:,.0f}" if abs(figure) >= 100 else f"{figure:.3g}"


IDLE_BUDGETS = {
    "activemq": (0.4, 125),
    "monitor": (0.4, 80),
    "postgres": (0.3, 45),
    "recorder": (0.3, 45),
    "supervisor": (0.15, 25),
    "workflow-runner": (0.15, 25),
    "example-data-agent": (0.15, 25),
    "example-processing-agent": (0.15, 30),
}
"""By service: percent of a core and MiB that it may take while nothing happens."""

GOALS = (
    Goal("data_core", "write_ms", "generate and write an STF of 1,000 time frames", 15, "ms"),
    Goal("data_core", "read_ms", "read it", 8, "ms"),
    Goal("data_core", "read_samples_ms", "read all its samples out of it", 6, "ms"),
    Goal("data_core", "write_sample_ms", "write a sample", 2, "ms"),
    Goal("data_core", "read_sample_ms", "read a sample", 2, "ms"),
    Goal("data_core", "write_small_ms", "generate and write an STF of one time frame", 2, "ms"),
    Goal("data_core", "read_small_ms", "read it back", 2, "ms"),
    Goal("data_core", "slice_alone_ms", "cluster and fill a slice alone", 0.4, "ms"),
    Goal("data_core", "slice_in_batch_ms", "the same in a batch of ten", 0.1, "ms"),
    Goal("data_core", "add_result_ms", "add a result to the sums of a run", 0.05, "ms"),
    Goal("data_core", "slice_message_bytes", "histograms of a slice as JSON", 2_800, "bytes"),
    Goal("data_core", "message_bytes", "histograms of a whole STF as JSON", 6_000, "bytes"),
    Goal("start_up", "ratio", "`testbed up` over `docker compose up --wait`", 1.0),
    Goal("start_up", "verdict_s", "last agent READY until the gate's verdict", 0.3, "s"),
    Goal("start_up", "help_s", "`testbed --help`", 0.1, "s"),
    Goal("start_up", "status_s", "`testbed status`", 0.5, "s"),
    Goal("idle", "processor_percent", "all services together", 2, "% of a core"),
    Goal("idle", "memory_mib", "all services together", 400, "MiB"),
    *(
        goal
        for service, (percent, mib) in IDLE_BUDGETS.items()
        for goal in (
            Goal("idle", f"{service}_percent", service, percent, "% of a core"),
            Goal("idle", f"{service}_mib", service, mib, "MiB"),
        )
    ),
    Goal("stf_chain", "stfs_per_s", "small STFs a second", 200, at_least=True),
    Goal("stf_chain", "processor_ms", "processor time an STF, all services", 10, "ms"),
    Goal("stf_chain", "lost", "STFs lost", 0),
    Goal("fast_path", "slices_per_s", "slices a second, two transformers", 500, at_least=True),
    Goal("fast_path", "processor_ms", "processor time a slice, all services", 4, "ms"),
    Goal("fast_path", "latency_p50_s", "STF announced until result stored, median", 0.2, "s"),
    Goal("fast_path", "latency_p99_s", "the same, 99th percentile", 0.5, "s"),
    Goal("fast_path", "lost", "runs with something lost", 0),
    Goal(
        "scaling",
        "workers_spread",
        "processor time a slice with 1, 2, 4 transformers: most over least",
        1.1,
    ),
    Goal(
        "scaling", "stfs_growth", "processor time an STF: longest run over the cheaper shorter", 1.1
    ),
    Goal(
        "scaling", "memory_growth", "memory of a service: longest run over 1,000 STFs, worst", 1.25
    ),
    Goal("scaling", "lost", "runs with something lost", 0),
    Goal(
        "recorder",
        "ratio",
        "rate over that of a bare consumer, median",
        0.9,
        at_least=True,
    ),
    Goal("recorder", "wrong", "messages missing or twice after a killed database", 0),
    Goal("heartbeats", "per_s", "heartbeats a second", 2_000, at_least=True),
    Goal("heartbeats", "p99_ms", "at 2,000 a second, 99th percentile", 50, "ms"),
    Goal("heartbeats", "refused", "heartbeats refused", 0),
    Goal("stream", "p99_ms", "delay at 100 clients, 99th percentile", 200, "ms"),
    Goal("stream", "incomplete", "clients that missed a message", 0),
    Goal("stream", "unanswered", "REST calls unanswered beside 500 streams", 0),
    Goal("stream", "admitted", "streams admitted beyond 500", 0),
    Goal("million", "list_p95_ms", "the slowest list or filter call, 95th percentile", 100, "ms"),
    Goal("million", "array_p95_ms", "a plain array, capped, 95th percentile", 100, "ms"),
    Goal("mcp", "call_p95_ms", "the slowest tool that reads, 95th percentile", 100, "ms"),
    Goal("pages", "page_p95_ms", "the slowest page, 95th percentile", 100, "ms"),
    Goal("pages", "shown_p99_s", "change of a state until an open page shows it", 0.25, "s"),
    Goal("pages", "rest_p99_s", "change of a state until REST shows it", 0.25, "s"),
)


def goals_of(benchmark: str) -> list[Goal]:
    """The goals of one benchmark."""
    return [goal for goal in GOALS if goal.benchmark == benchmark]
