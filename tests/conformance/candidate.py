"""A program that wants to lead, by the package `kubernetes`; run with its name. Says when it leads."""

import sys
import time

from kubernetes import config
from kubernetes.leaderelection import electionconfig, leaderelection
from kubernetes.leaderelection.resourcelock.leaselock import LeaseLock


def lead() -> None:
    print("leading", flush=True)
    while True:
        time.sleep(1)


config.load_kube_config()
wanted = electionconfig.Config(
    LeaseLock("elected", "default", sys.argv[1]),
    lease_duration=3,
    renew_deadline=2,
    retry_period=1,
    onstarted_leading=lead,
    onstopped_leading=None,
)
leaderelection.LeaderElection(wanted).run()
