#!/bin/sh
# What Debian asks before it starts the service of a package; 101 is no. system-packages puts it in its place
# while it installs. Without systemd nothing could stop a service again. With it, Docker's may start, and etcd's
# own may not: it would sit on 2379 beside the private one that `kohakuriver up` runs. Debian's tools name it
# with or without the ending.
[ -d /run/systemd/system ] || exit 101
case "$1" in
    etcd | etcd.service) exit 101 ;;
esac
exit 0
