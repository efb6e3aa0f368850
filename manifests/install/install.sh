#!/usr/bin/env bash
# Installs KohakuRiver on this machine: Docker and Python from the distribution, the rest into /opt/kohakuriver.
#
#   install.sh [--wheel FILE] [--requirements FILE] [--sha256 HEX] --agent -- AGENT OPTIONS...
#
# Every package is compared with its hash. What is there already is left as it is. With --agent no etcd is
# installed, and `kohakuriver agent AGENT OPTIONS... --install-service` is run at the end.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)

PREFIX=${KOHAKURIVER_PREFIX:-/opt/kohakuriver}
COMMANDS=${KOHAKURIVER_COMMANDS:-/usr/local/bin}
wheel="" requirements="$here/requirements.txt" sha256="" agent=no

say() { echo "install: $*"; }
refuse() { echo "install: $1" >&2; [ $# -lt 2 ] || echo "  $2" >&2; exit 1; }
has() { command -v "$1" >/dev/null 2>&1; }

while [ $# -gt 0 ]; do
    case "$1" in
        --wheel) wheel=$2; shift 2 ;;
        --requirements) requirements=$2; shift 2 ;;
        --sha256) sha256=$2; shift 2 ;;
        --agent) agent=yes; shift ;;
        --) shift; break ;;
        *) refuse "$1 is not an option of this script" "its first lines say what it takes" ;;
    esac
done
[ "$agent" = yes ] || refuse "--agent is missing: only nodes are installed by this script"
[ "$(id -u)" -eq 0 ] || refuse "installing needs root" "run the same command as root"
[ -n "$wheel" ] || wheel=$(echo "$here"/kohakuriver-*.whl)
[ -f "$wheel" ] || refuse "there is no wheel beside $0" "name it with --wheel"
[ -z "$sha256" ] || echo "$sha256  $wheel" | sha256sum --check --quiet - ||
    refuse "$wheel is not the file that was meant: its SHA-256 differs" "fetch it again"

packages=()
python3 -c 'import ensurepip' 2>/dev/null || packages+=(python3 python3-venv)
has iptables || packages+=(iptables)
if ! has docker; then
    packages+=(docker.io)
    ! apt-cache show docker-cli >/dev/null 2>&1 || packages+=(docker-cli)
fi
if [ "${#packages[@]}" -gt 0 ]; then
    has apt-get || refuse "this machine has no apt-get" "install yourself: ${packages[*]}"
    say "installing ${packages[*]}"
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${packages[@]}" >/dev/null
fi

[ -x "$PREFIX/bin/python" ] || python3 -m venv "$PREFIX"
pip() { "$PREFIX/bin/python" -m pip --disable-pip-version-check --no-input install --quiet "$@"; }
say "installing KohakuRiver in $PREFIX"
pip --require-hashes --only-binary :all: -r "$requirements"
pip --no-deps --no-index --force-reinstall "$wheel"
mkdir -p "$COMMANDS"
ln -sfn "$PREFIX/bin/kohakuriver" "$COMMANDS/kohakuriver"

"$PREFIX/bin/kohakuriver" agent "$@" --install-service
