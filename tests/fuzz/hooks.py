"""What Schemathesis is told beside the description of the API (scripts/fuzz.mjs)."""

import atexit
import os
from collections import Counter, defaultdict

import schemathesis

# An override of everybody, or of a provider, would refuse whatever is asked afterwards, and little
# else would be seen. These live in a namespace of their own, and so does a part of the questions.
ASIDE = os.environ["TOLLGATE_FUZZ_ASIDE"]
WIDE = ("/overrides/{target}/{kind}", "/overrides/prefix:{provider}/{scope}/{start}*/{kind}")
EVERY = 5

questions = 0
answers = defaultdict(Counter)


@schemathesis.hook
def before_call(context, case, kwargs):
    """Sends what concerns many, and one question in five, as another namespace."""
    global questions
    path = case.operation.path
    questions += path.startswith("/limit")
    if path in WIDE or (path.startswith("/limit") and questions % EVERY == 0):
        if "Authorization" not in case.headers:
            case.headers["Authorization"] = f"Bearer {ASIDE}"


@schemathesis.hook
def after_call(context, case, response):
    """Counts what was answered."""
    answers[case.operation.label][response.status_code] += 1


@schemathesis.hook
def filter_failure(context, failure, case, response):
    """A URL that is too long never reaches the Worker: the runtime answers it, in its own words."""
    return response is None or response.status_code != 414


@atexit.register
def tell():
    """Says what the questions have reached: one that is always refused shows nothing."""
    for label, statuses in sorted(answers.items()):
        counts = ", ".join(f"{status} {count}" for status, count in sorted(statuses.items()))
        print(f"fuzz: {label}: {counts}")


@schemathesis.check
def listed_code(context, response, case):
    """A problem has a code that the operation lists."""
    kind = response.headers.get("content-type", [""])[0]
    # Without the method, or with a name that makes another path of it, it is another operation.
    if not kind.startswith("application/problem+json") or response.status_code == 405:
        return
    code = response.json().get("code")
    codes = case.operation.definition.raw.get("x-codes", [])
    if code not in codes and code != "notFound":
        raise AssertionError(f"{code} is not in x-codes of {case.operation.label}")
