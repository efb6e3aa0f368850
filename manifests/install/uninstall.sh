#!/usr/bin/env bash
# Takes away what install.sh has brought: the programs of /opt/kohakuriver, their services, the command's link.
#
#   uninstall.sh [--purge]     --purge: the cluster of root on this machine too, with its VPSes and their files
#
# `install.sh --uninstall` runs the one that is installed. Without --purge VPSes run on, and their data stays. Docker,
# packages of apt and images stay in any case. May be repeated after a failure.
set -euo pipefail
. "${BASH_SOURCE[0]%/*}/install.sh"

purge=''

# Programs of an installation, by pid; what keeps the terminals of running VPSes is left out.
still_running() {
    local line
    for line in /proc/[0-9]*/cmdline; do
        tr '\0' ' ' 2>/dev/null <"$line" |
            grep -qE "^$PREFIX/bin/python[0-9.]* (-P )?-m kohakuriver\.(cli up|apiserver|controller|agent) " || continue
        line=${line%/cmdline}
        echo "${line##*/}"
    done
}

# By the first line of a unit: one that a person wrote is that person's.
is_ours() {
    head -n 1 "$1" | grep -qE '^# (Written by `kohakuriver |KohakuRiver.s own, of manifests/systemd)'
}

remove_units() {
    local unit
    for unit in "$UNITS"/kohakuriver*.timer "$UNITS"/kohakuriver*.service; do
        [ -e "$unit" ] && grep -q "$PREFIX/" "$unit" || continue
        if ! is_ours "$unit"; then
            say "$unit starts a program of $PREFIX, and KohakuRiver did not write it: it stays"
            continue
        fi
        if systemd_runs; then
            quietly "$LOG" systemctl disable --now "${unit##*/}" || refuse "systemd could not stop ${unit##*/}"
        fi
        rm -f "$unit"
        say "removed $unit"
        ! systemd_runs || quietly "$LOG" systemctl daemon-reload
    done
}

remove_all() {
    local running left="Docker, the packages of apt and the images stay" home=$HOME/.kohakuriver
    is_root || refuse "only root may remove what root has installed" "run it again: sudo $0"
    if [ -n "$purge" ] && [ -e "$home/options.json" ]; then
        [ -x "$PREFIX/bin/kohakuriver" ] || refuse "there is a cluster in $home, and no kohakuriver in $PREFIX to remove it with" \
            "install it again, then --uninstall --purge"
        "$PREFIX/bin/kohakuriver" down --purge 9>&- || refuse "the cluster was not removed, so nothing else was" "see above"
    elif [ -x "$PREFIX/bin/kohakuriver" ]; then
        "$PREFIX/bin/kohakuriver" down 9>&- || refuse "the cluster was not stopped, so nothing was removed" "see above"
    fi
    remove_units
    mapfile -t running < <(still_running)
    [ ${#running[@]} -eq 0 ] || refuse "programs of $PREFIX still run, pid ${running[*]}, so it was not removed" \
        "stop them (kohakuriver down --data-dir DIR, or systemctl stop UNIT), then run this again"
    [ "$(readlink "$LINK")" != "$PREFIX/bin/kohakuriver" ] || rm -f "$LINK"
    [ ! -e "$PREFIX/pyvenv.cfg" ] || rm -rf "$PREFIX"
    # What is left of a list of clusters that has none.
    [ -z "$purge" ] || [ -s "$HOME/.local/state/kohakuriver/clusters" ] || rm -rf "$HOME/.local/state/kohakuriver"
    rm -f "$LOG" "$LOCK"
    let_services_start
    rmdir "${LOG%/*}" 2>/dev/null || true
    [ ! -e "$home" ] || left="$left; so do $home and its VPSes"
    say "removed; $left"
}

case "$*" in
    '') ;;
    --purge) purge=yes ;;
    *) refuse "unknown option: $*" "uninstall.sh takes --purge, or nothing" ;;
esac
HOME=$ROOT$(echo ~root)
export HOME
remove_all
exit # this file is gone
