"""Commands and a port of the VPS `dev` by the package `kubernetes`, as a program: it leaves sockets open."""

import sys

from kubernetes import client, config
from kubernetes.stream import portforward, stream

config.load_kube_config(sys.argv[1])
api = client.CoreV1Api()
ASKS = {"stderr": True, "stdin": False, "stdout": True, "tty": False}


def run(*command: str, **more: bool):
    asks = ASKS | more
    return stream(api.connect_get_namespaced_pod_exec, "dev", "default", command=list(command), **asks)


print("both outputs:", *sorted(run("sh", "-c", "echo out; echo err >&2").split()))
reading = run("cat", stdin=True, _preload_content=False)
reading.write_stdin("typed\n")
print("a line:", reading.readline_stdout(timeout=20))
reading.close()
failing = run("sh", "-c", "exit 3", _preload_content=False)
failing.run_forever(timeout=20)
print("exit code:", failing.returncode)

run("sh", "-c", "setsid nc -ll -p 8000 -e cat < /dev/null > /dev/null 2>&1 & sleep 0.3")
forward = portforward(api.connect_get_namespaced_pod_portforward, "dev", "default", ports="8000")
made = forward.socket(8000)
made.settimeout(20)
made.sendall(b"by channels")
came = b""
while len(came) < len(b"by channels"):
    came += made.recv(100)
print("by a port:", came.decode())
print("and its errors:", forward.error(8000))
made.close()
run("killall", "nc")
