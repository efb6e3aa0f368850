#!/usr/bin/env bash
# Installs KohakuRiver on a machine, and makes that machine a node which stays one.
#
# `kohakuriver node join` prints the command that fetches this from the API server, together with what
# lies beside it, and runs it: join.sh URL [AGENT OPTIONS...]. The join token is in the environment,
# KOHAKURIVER_JOIN_TOKEN, since everybody on a machine reads the command lines of its processes.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)

exec bash "$here/install.sh" --sha256 "$(cat "$here/sha256")" --agent -- --join "$@"
