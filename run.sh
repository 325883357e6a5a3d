#!/bin/sh
# Sets everything up and renders the eight scenarios into the folder out.
set -eu
cd "$(dirname "$0")"
sh .ci/install
.venv/bin/inion render all -o out "$@"
