"""A server process for tests: ``python -m tests.made.job_process FOLDER LOG SECONDS [start|resume|cancel]``.

Works the job of `made_spec` off, writes every item that it computes into LOG, and takes SECONDS for each.
"""

import sys
import time
from pathlib import Path

from tests.made.jobs import made_runner, made_spec, squares, until


def main(folder: Path, log: Path, seconds: float, call: str) -> None:
    """Do what is asked, and print how it ended."""

    def work(spec, items, job):
        rows = []
        for item in items:
            with log.open("a") as file:
                file.write(f"{item} ")
            time.sleep(seconds)
            rows += squares(spec, [item], job)
            job.progress(len(rows) / len(items))
        return rows

    runner = made_runner(folder, work)
    spec = made_spec()
    getattr(runner, call)(spec if call == "start" else spec.id)
    print(until(runner, spec.id, "finished", "cancelled", "failed").state, flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), float(sys.argv[3]), sys.argv[4])
