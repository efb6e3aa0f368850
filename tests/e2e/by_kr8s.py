"""Commands and a port of the VPS `dev` by the package `kr8s`, as a program: it leaves sockets open."""

import socket
import sys
import warnings

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it knows of no Kubernetes as new as ours
    import kr8s
    from kr8s.objects import Pod

    api = kr8s.api(kubeconfig=sys.argv[1])
    pod = Pod.get("dev", namespace="default", api=api)

print("ready:", pod.ready())
done = pod.exec(["sh", "-c", "echo out; echo err >&2"])
print("both outputs:", done.returncode, done.stdout, done.stderr)
print("exit code:", pod.exec(["sh", "-c", "exit 3"], check=False).returncode)
pod.exec(["sh", "-c", "setsid nc -ll -p 8000 -e cat < /dev/null > /dev/null 2>&1 & sleep 0.3"])
with pod.portforward(remote_port=8000, local_port="auto") as port:
    made = socket.create_connection(("127.0.0.1", port))
    made.settimeout(20)
    made.sendall(b"no sub-protocol")
    print("by a port:", made.recv(100))
    made.close()
pod.exec(["killall", "nc"])
