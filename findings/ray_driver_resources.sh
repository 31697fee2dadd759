#!/usr/bin/env bash
# What a task of Ray was given, ray.get_runtime_context().get_assigned_resources() tells. Asked in a driver, where Ray is
# initialized too and nothing was given, Ray 2.60.0 fails an assertion, whose text has the gap of its line's continuation
# in it: code that runs in both must catch AssertionError.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check ray==2.60.0
cd "$folder"
RAY_AUTH_MODE=disabled RAY_USAGE_STATS_ENABLED=0 timeout 120 "$folder/venv/bin/python" - <<'PYTHON'
import ray

print("ray", ray.__version__)
ray.init(num_cpus=1, include_dashboard=False, log_to_driver=False, object_store_memory=100 * 2**20)


@ray.remote(num_cpus=0.5)
def task():
    return ray.get_runtime_context().get_assigned_resources()


print("in a task:", ray.get(task.remote()))
try:
    answer = ray.get_runtime_context().get_assigned_resources()
except AssertionError as error:
    answer = f"AssertionError: {error}"
print("in the driver:", answer)
ray.shutdown()
assert "AssertionError" in answer
PYTHON
echo
echo "In a driver get_assigned_resources() is an AssertionError."
