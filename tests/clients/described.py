"""schemathesis, as it is on PyPI and run as its users run it, on a description of a server that listens."""

import json
import os
import subprocess
import sys
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

from tests.clients.programs import HERE

SEED = 1
"""Two runs try the same."""

Answers = Mapping[str, frozenset[int]]
"""Which statuses each operation has answered, but for 405: `POST /path`, by its path in the description."""


def try_out(
    description: str, url: str, folder: Path, *options: str, authorization: str = "", examples: int = 10
) -> Answers:
    """Try a server out against its description, and insist that nothing is amiss.

    Args:
        description: its URL or path.
        url: the server.
        folder: where to work and leave a report.
        options: more options for `schemathesis run`.
        authorization: the header of every request that does not test what happens without it.
        examples: how many examples are made up for each operation.
    """
    command = [sys.executable, "-m", "schemathesis.cli", "--no-color", "--config-file", str(HERE / "schemathesis.toml")]
    header = ["--header", f"Authorization: {authorization}"] if authorization else []
    report = folder / "report.ndjson"
    ended = subprocess.run(
        [
            *(*command, "run", description, "--url", url, "--seed", str(SEED), "--max-examples", str(examples)),
            *("--report", "ndjson", "--report-ndjson-path", str(report), *header, *options),
        ],
        cwd=folder,
        env={**os.environ, "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return _answers(report)


def _answers(report: Path) -> Answers:
    found: defaultdict[str, set[int]] = defaultdict(set)
    for line in report.read_text(encoding="utf-8").splitlines():
        scenario = json.loads(line).get("ScenarioFinished")
        if scenario is None:
            continue
        recorder = scenario["recorder"]
        for name, interaction in recorder.get("interactions", {}).items():
            case = recorder["cases"][name]["value"]
            status = (interaction["response"] or {}).get("status_code", 405)
            if status != 405:
                found[f"{case['method']} {case['path']}"].add(status)
    return {operation: frozenset(statuses) for operation, statuses in found.items()}
