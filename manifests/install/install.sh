#!/usr/bin/env bash
# Brings KohakuRiver to this machine, from nothing to a running cluster, and takes it away again.
#
#   install.sh [--sha256 HEX] [--no-image] [--no-up]      a cluster on this machine
#   install.sh [--sha256 HEX] [--no-image] --agent [-- AGENT OPTIONS…]
#                                             one more node of a cluster that there is
#   install.sh --uninstall [--purge]          the programs and their services; --purge: the cluster too
#
# --sha256 refuses a wheel with another hash, --no-image builds no default image, --no-up starts nothing.
#
# Run it as root, on Debian 12 or later, or Ubuntu 24.04 or later. It lies in one folder with kohakuriver-*.whl and
# requirements.txt, and installs those two; every other Python package comes from pip's index and is compared with its
# hash. Run again it does what is left to do: a newer wheel is an upgrade in place.
#
# Sourced it gives its functions, and does nothing: manifests/development/system-packages takes its way with apt.
set -euo pipefail

# A folder that stands in for / in every path below, for tests and for who makes packages.
ROOT=${DESTDIR:-}
PREFIX=$ROOT/opt/kohakuriver
LINK=$ROOT/usr/local/bin/kohakuriver
UNITS=$ROOT/etc/systemd/system
POLICY=$ROOT/usr/sbin/policy-rc.d
IMAGE=kohakuriver/debian-ssh
LOG=$ROOT/var/log/kohakuriver/install.log # who sources this names another afterwards
LOCK=$ROOT/run/kohakuriver-install        # not in /run/lock, where everybody may make files
# The engine is asked for by its address, not through a `docker context`: it is the one that the agent will use.
DOCKER_HOST=${DOCKER_HOST:-unix:///var/run/docker.sock}
export DOCKER_HOST

say() {
    printf '%s: %s\n' "${0##*/}" "$*"
}

refuse() {
    printf '%s: %s\n' "${0##*/}" "$1" >&2
    shift
    [ $# -eq 0 ] || printf '    %s\n' "$@" >&2
    exit 1
}

# Runs a command with its output kept in a log; shows the end of it only if the command fails.
quietly() {
    local log=$1 status=0
    shift
    mkdir -p "${log%/*}"
    "$@" >>"$log" 2>&1 </dev/null || status=$?
    [ "$status" -eq 0 ] || tail -n 20 "$log" | sed 's/^/    | /' >&2
    return "$status"
}

is_root() {
    [ "$(id -u)" -eq 0 ]
}

has() {
    command -v "$1" >/dev/null 2>&1
}

systemd_runs() {
    [ -d "$ROOT/run/systemd/system" ]
}

engine_answers() {
    has docker && docker version --format '{{.Server.Version}}' >/dev/null 2>&1
}

# ---- apt ----

# Since Debian 13 the docker command is a package of its own, which docker.io only recommends.
package_of_docker() {
    has apt-cache && apt-cache show docker-cli >/dev/null 2>&1 && echo docker-cli || echo docker.io
}

# What Debian asks before it starts the service of a package; 101 is no. Without systemd nothing could stop a service
# again. With it, Docker's may start, and etcd's own may not: it would sit on 2379 beside the private one that
# `kohakuriver up` runs. Debian's tools name it with or without the ending.
service_policy() {
    cat <<'POLICY'
#!/bin/sh
# Written by KohakuRiver's installation, which removes it again.
[ -d /run/systemd/system ] || exit 101
case "$1" in
    etcd | etcd.service) exit 101 ;;
esac
exit 0
POLICY
}

# One that an interrupted run has left would go on holding services back.
let_services_start() {
    ! grep -qs "Written by KohakuRiver" "$POLICY" || rm -f "$POLICY"
}

# A policy that somebody else has made stays.
hold_services_back() {
    let_services_start
    [ ! -e "$POLICY" ] || return 0
    trap 'rm -f "$POLICY"' EXIT
    mkdir -p "${POLICY%/*}"
    service_policy >"$POLICY"
    chmod 755 "$POLICY"
}

update_package_lists() {
    say "apt-get update: reading the package lists, a few seconds"
    quietly "$LOG" apt-get -q update || say "apt-get update failed: going on with the lists that are here"
}

# Installs these packages, one word each, and leaves etcd's own service neither running nor enabled.
install_packages() {
    local packages=$1 now=()
    say "apt-get install $packages: about 20 seconds, once"
    hold_services_back
    # shellcheck disable=SC2086  # one word per package
    DEBIAN_FRONTEND=noninteractive quietly "$LOG" \
        apt-get -q -y --no-install-recommends -o DPkg::Lock::Timeout=120 install $packages ||
        refuse "apt-get could not install $packages: its last lines are above, all of them in $LOG"
    case " $packages " in *" etcd-server "*)
        ! systemd_runs || now=(--now)
        if { has systemctl && systemctl disable "${now[@]}" etcd; } >>"$LOG" 2>&1 ||
            { has deb-systemd-helper && deb-systemd-helper disable etcd.service; } >>"$LOG" 2>&1; then
            say "etcd-server's own service is disabled: KohakuRiver runs a private etcd"
        fi
    esac
}

# Prints the packages in lines of `PACKAGE what it is for`, one word each, each once.
package_names() {
    cut -d' ' -f1 | sort -u | tr '\n' ' ' | sed 's/ $//'
}

# ---- what install.sh itself does; nothing below is for who sources it ----

usage() {
    sed -n '4,9s/^# \{0,1\}//p' "$0"
}

misused() {
    printf '%s: %s\n\n%s\n' "${0##*/}" "$1" "$(usage)" >&2
    exit 2
}

parse() {
    while [ $# -gt 0 ]; do
        case "$1" in
            --agent) agent=yes ;;
            --uninstall) uninstall=yes ;;
            --purge) purge=yes ;;
            --no-image) image='' ;;
            --no-up) up='' ;;
            --sha256)
                [ $# -gt 1 ] || misused "--sha256 needs the hash"
                sha256=${2,,}
                shift ;;
            -h | --help) usage && exit 0 ;;
            --)
                shift
                agent_options=("$@")
                break ;;
            *) misused "unknown option: $1" ;;
        esac
        shift
    done
    [ -z "$sha256" ] || [[ $sha256 =~ ^[0-9a-f]{64}$ ]] || misused "--sha256 takes 64 hexadecimal digits"
    [ -n "$agent" ] || [ ${#agent_options[@]} -eq 0 ] || misused "what stands behind -- is for --agent"
    [ -z "$purge" ] || [ -n "$uninstall" ] || misused "--purge goes with --uninstall"
    [ -z "$uninstall" ] || [ -z "$agent$sha256" ] || misused "--uninstall goes with --purge alone"
}

refuse_old_python() {
    python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || refuse "Python 3.11 or later is needed, and this machine has $(python3 --version 2>&1)" \
        "Debian 12 and Ubuntu 24.04 and later bring one; on an older system upgrade that first"
}

look_first() {
    is_root || refuse "only root may install KohakuRiver for the whole machine" "run it again: sudo $0" \
        "without root: python3 -m venv DIR, and there pip install --require-hashes -r requirements.txt," \
        "then pip install --no-deps kohakuriver-*.whl; Docker and etcd have to be there"
    has apt-get && has dpkg || refuse "this installs with Debian's apt, and there is none on this machine" \
        "by hand: Docker Engine 20.10 or later, etcd 3.4 or later, Python 3.11 or later, OpenSSH's client, iptables, iproute2;" \
        "then python3 -m venv $PREFIX, and with its pip: install --require-hashes -r requirements.txt, install --no-deps kohakuriver-*.whl"
    ! has python3 || refuse_old_python
    case "$(uname -m)" in
        x86_64 | aarch64) ;;
        *) refuse "Python's packages are built for x86_64 and aarch64, and this machine is $(uname -m)" \
            "by hand, with a compiler: pip builds them from their sources" ;;
    esac
}

# Prints the one file of that kind beside this script.
beside() {
    local pattern=$1 found
    mapfile -t found < <(compgen -G "$HERE/$pattern" | sort)
    [ ${#found[@]} -gt 0 ] || refuse "there is no $pattern beside $0" "install.sh, the wheel and requirements.txt lie in one folder"
    [ ${#found[@]} -eq 1 ] || refuse "there are ${#found[@]} of $pattern beside $0" "leave the one that is to be installed:" "${found[@]}"
    echo "${found[0]}"
}

missing() {
    python3 -c 'import ensurepip, venv' 2>/dev/null || echo "python3-venv Python with venv and ensurepip"
    engine_answers || has dockerd || echo "docker.io a Docker engine"
    has docker || echo "$(package_of_docker) the docker command"
    [ -n "$agent" ] || has etcd || echo "etcd-server etcd, the store"
    has ssh-keygen || echo "openssh-client ssh and ssh-keygen"
    has ip || echo "iproute2 the ip command"
    has iptables || echo "iptables the iptables command"
    has debootstrap || echo "debootstrap builds the image $IMAGE"
}

bring_packages() {
    local wanted lines
    let_services_start
    has lxcfs || say "recommended: apt-get install lxcfs, with which free and htop in a VPS show its own memory"
    wanted=$(missing)
    if [ -z "$wanted" ]; then
        say "nothing is missing: Docker, Python, ssh and ip are here, and stay as they are"
        return
    fi
    update_package_lists
    wanted=$(missing) # apt may know now of packages that it did not know of
    install_packages "$(package_names <<<"$wanted")"
    wanted=$(missing)
    if [ -n "$wanted" ]; then
        mapfile -t lines < <(sed 's/^\([^ ]*\) \(.*\)$/missing: \2 (not in: \1)/' <<<"$wanted")
        refuse "apt-get has installed all that it was asked for, and this machine still lacks what KohakuRiver needs" \
            "${lines[@]}" "install the package that has it on this system, then run this again"
    fi
    refuse_old_python
}

in_venv() {
    "$PREFIX/bin/python" -I -m pip --disable-pip-version-check --no-input "$@"
}

# What an installation is made of; written last, so that one that was interrupted is completed.
made_of() {
    python3 --version
    (cd "$1" && sha256sum -- *.whl requirements.txt)
}

is_installed() {
    [ "$(cat "$PREFIX/installed" 2>/dev/null)" = "$(made_of "$1")" ] &&
        "$PREFIX/bin/kohakuriver" version --client >/dev/null 2>&1
}

# The files are copied first and compared then, so that what was compared is what is installed.
take_files() {
    local to=$1 found
    rm -rf "$to"
    mkdir -p "$to"
    cp -- "$wheel" "$requirements" "$HERE/${0##*/}" "$to/"
    chmod 755 "$to/${0##*/}" # of what an API server hands out nothing may be executed
    found=$(sha256sum "$to/${wheel##*/}" | cut -d' ' -f1)
    if [ -z "$sha256" ]; then
        say "${wheel##*/} has the SHA-256 $found; --sha256 would compare it"
    elif [ "$found" != "$sha256" ]; then
        rm -rf "$to"
        refuse "${wheel##*/} is not the file that was meant: nothing of it was installed" \
            "its SHA-256:  $found" "expected:     $sha256" "fetch it again from where the hash comes from"
    fi
}

install_python() {
    local new=$PREFIX/dist.new
    if [ -e "$PREFIX" ] && [ ! -e "$PREFIX/pyvenv.cfg" ] && [ ! -e "$PREFIX/dist.new" ] && [ -n "$(ls -A "$PREFIX")" ]; then
        refuse "$PREFIX holds something else than KohakuRiver" "move it away, then run this again"
    fi
    take_files "$new"
    if is_installed "$new"; then
        rm -rf "$new"
        say "$PREFIX is up to date"
        return
    fi
    # A newer Python of the system leaves a venv that does not start.
    if ! in_venv --version >/dev/null 2>&1; then
        say "making $PREFIX with $(python3 --version), a few seconds"
        quietly "$LOG" python3 -m venv "$PREFIX" && in_venv --version >/dev/null 2>&1 ||
            quietly "$LOG" python3 -m venv --upgrade "$PREFIX" ||
            refuse "python3 -m venv failed: its last lines are above"
    fi
    say "pip: installing the pinned packages, each compared with its hash, about 20 seconds"
    [ ! -e "$PREFIX/installed" ] || updated=yes
    rm -f "$PREFIX/installed"
    quietly "$LOG" in_venv install --require-hashes -r "$new/requirements.txt" ||
        refuse "pip could not install the packages of requirements.txt: its last lines are above, all of them in $LOG" \
            "is the package index in reach? $PREFIX/bin/pip config list shows which one pip asks"
    say "pip: installing ${wheel##*/}"
    quietly "$LOG" in_venv install --no-deps --no-index --force-reinstall "$new/${wheel##*/}" ||
        refuse "pip could not install ${wheel##*/}: its last lines are above, all of them in $LOG"
    rm -rf "$PREFIX/dist"
    mv "$new" "$PREFIX/dist"
    made_of "$PREFIX/dist" >"$PREFIX/installed"
}

link_command() {
    if { [ -e "$LINK" ] || [ -L "$LINK" ]; } && [ "$(readlink "$LINK")" != "$PREFIX/bin/kohakuriver" ]; then
        refuse "$LINK is another program" "move it away, then run this again"
    fi
    mkdir -p "${LINK%/*}"
    ln -sfn "$PREFIX/bin/kohakuriver" "$LINK"
    say "$LINK is $("$LINK" version --client 2>/dev/null | head -n 1 | sed 's/^Client: //')"
}

# Prints the path of the file of this name in what was installed, if it is there.
shipped() {
    compgen -G "$PREFIX/lib/python3*/site-packages/kohakuriver/manifests/install/$1" | head -n 1 || true
}

install_all() {
    look_first
    wheel=$(beside 'kohakuriver-*.whl')
    requirements=$(beside requirements.txt)
    bring_packages
    install_python
    link_command
    if [ -z "$up" ]; then
        say "installed; kohakuriver up --detach starts a cluster"
        return
    fi
    # What follows on the installation comes with it.
    # shellcheck disable=SC1090
    . "$(shipped start.sh)"
    start_engine
    [ -z "$image" ] || build_image
    if [ -n "$agent" ]; then start_agent; else start_cluster; fi
    [ -z "$updated" ] || say "what ran before runs on with what it was started with, until it is started again"
    say "done; to take it away: $PREFIX/dist/${0##*/} --uninstall"
}

# What was installed brings what removes it; an installation that was interrupted before that has nothing but files.
uninstall_all() {
    local script
    is_root || refuse "only root may remove what root has installed" "run it again: sudo $0 --uninstall"
    script=$(shipped uninstall.sh)
    [ -z "$script" ] || exec bash "$script" ${purge:+--purge}
    [ "$(readlink "$LINK")" != "$PREFIX/bin/kohakuriver" ] || rm -f "$LINK"
    [ ! -e "$PREFIX/pyvenv.cfg" ] && [ ! -e "$PREFIX/dist.new" ] || rm -rf "$PREFIX"
    say "nothing is installed in $PREFIX any more"
}

[ "${BASH_SOURCE[0]}" = "$0" ] || return 0 # it is sourced

umask 022
HOME=$ROOT$(echo ~root)
export HOME
HERE=$(cd "$(dirname "$0")" && pwd)
# Administrators' programs lie in sbin, which not every PATH names.
PATH=$PATH:$ROOT/usr/local/sbin:$ROOT/usr/sbin:$ROOT/sbin
agent='' uninstall='' purge='' image=yes up=yes sha256='' agent_options=()
updated='' wheel='' requirements=''
parse "$@"
if is_root; then
    mkdir -p "${LOCK%/*}"
    [ -e "$LOCK" ] || (umask 077 && : >"$LOCK") # who can open it can hold it
    exec 9>"$LOCK"
    flock -n 9 || refuse "another install.sh is at work on this machine" "wait for it, then run this again"
fi
if [ -n "$uninstall" ]; then uninstall_all; else install_all; fi
