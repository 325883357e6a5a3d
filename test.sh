#!/bin/sh
# Sets everything up and runs the tests.
set -eu
cd "$(dirname "$0")"
sh .ci/install test
exec .venv/bin/python -m pytest --numprocesses auto --dist loadfile "$@"
