"""Waits for its turn before each call. Needs httpx; TOLLGATE_URL and TOLLGATE_TOKEN say where to ask."""

import os
import sys
import time
import uuid

import httpx

tollgate = httpx.Client(
    base_url=os.environ["TOLLGATE_URL"],
    headers={"authorization": f"Bearer {os.environ['TOLLGATE_TOKEN']}"},
    timeout=5,
)


def take(**check):
    """Returns when the check is admitted. An answer that was lost is asked for again under the same
    operation, so it is charged once; a refusal says to the millisecond when to come back."""
    while True:
        question = {**check, "operation": str(uuid.uuid4())}
        try:
            answer = tollgate.post("/limit", json=question)
        except httpx.TransportError:
            answer = tollgate.post("/limit", json=question)
        if answer.status_code == 200:
            return answer.json()
        wait = answer.json().get("retryAfter") if answer.status_code == 429 else None
        if wait is None:  # no wait would help, or the question is wrong
            raise RuntimeError(answer.text)
        time.sleep(wait / 1000)


if __name__ == "__main__":
    policy, identifier, times = sys.argv[1:]
    for _ in range(int(times)):
        print(take(policy=policy, identifier=identifier)["remaining"], flush=True)
