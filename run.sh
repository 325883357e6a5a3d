#!/bin/sh
# Sets everything up and renders the first eight scenarios into the folder out. Arguments go to `inion render`.
set -eu
cd "$(dirname "$0")"
sh .ci/install
.venv/bin/inion render gon-path gon-landmark gon-block-landmark gon-block-c2 gon-block-nuchal-line preempt-31 preempt-39 layers -o out "$@"
