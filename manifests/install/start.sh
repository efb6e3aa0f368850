# What follows on an installation: the engine, the default image, the cluster or the node. Sourced by install.sh.

start_engine() {
    local tries
    engine_answers && return
    systemd_runs || refuse "no Docker engine answers on $DOCKER_HOST, and no systemd runs here to start one" \
        "start it (dockerd >/var/log/dockerd.log 2>&1 &), then run this again"
    say "starting docker.service, a few seconds"
    quietly "$LOG" systemctl enable --now docker.service || refuse "systemd could not start docker.service" \
        "look at: journalctl -u docker.service"
    for tries in $(seq 300); do
        ! engine_answers || return 0
        sleep 0.2
    done
    refuse "no Docker engine answered on $DOCKER_HOST for a minute" "look at: journalctl -u docker.service"
}

build_image() {
    if docker image inspect "$IMAGE" >/dev/null 2>&1; then
        say "the default image $IMAGE is there"
        return
    fi
    say "building the default image $IMAGE, about a minute, once"
    quietly "$LOG" "$LINK" image build || refuse "the default image could not be built: the last lines are above, all of them in $LOG" \
        "run this again, or with --no-image: then VPSes name images of their own"
}

start_cluster() {
    local tries
    if ! systemd_runs; then
        say "no systemd runs here: starting the cluster in the background, until the next boot"
        "$LINK" up --detach 9>&-
        return
    fi
    "$LINK" up --install-service 9>&-
    for tries in $(seq 120); do
        ! "$LINK" get nodes >/dev/null 2>&1 || { "$LINK" get nodes && return; }
        sleep 0.5
    done
    refuse "the cluster does not answer after a minute" "look at: journalctl -u kohakuriver.service"
}

start_agent() {
    if [ ${#agent_options[@]} -eq 0 ]; then
        say "installed. To make this machine a node, run here what this prints on a machine of the cluster:"
        say "    kohakuriver node join"
    else
        "$LINK" agent "${agent_options[@]}" --install-service 9>&- # where no systemd runs it says what is left to do
    fi
}
