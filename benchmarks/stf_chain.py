"""The STF chain as fast as it goes: generated, registered, processed, and none lost.

STFs are as small as they get: what is measured is the chain, not the data (data_core.py).
"""

from __future__ import annotations

import sys
from datetime import datetime

import requests

from testbed.integration import TestbedStack

STFS = 3000


def main() -> None:
    with TestbedStack() as stack:
        report = stack.run(
            "--no-realtime",
            f"--set=stf_count={STFS}",
            "--set=tf_count=1",
            "--set=mean_hits_per_tf=10",
            "--set=expect.within=600",
        )
        headers = {"Authorization": f"Token {stack.session.project.secret('token_viewer')}"}

        def times(msg_type: str) -> list[datetime]:
            answer = requests.get(
                f"{stack.monitor_url}/api/workflow-messages/",
                params={"execution_id": report["execution_id"], "message_type": msg_type},
                headers=headers,
                timeout=60,
            )
            return [datetime.fromisoformat(row["sent_at"]) for row in answer.json()]

        first, last = min(times("stf_gen")), max(times("processing_complete"))
    stf = report["stf"]
    seconds = (last - first).total_seconds()
    print(f"{stf}, lost: {stf['generated'] - stf['processed'] - stf['failed']}")
    print(f"{stf['processed']} STFs in {seconds:.1f} s: {stf['processed'] / seconds:.0f} a second")
    sys.exit(stf["processed"] != STFS)


if __name__ == "__main__":
    main()
