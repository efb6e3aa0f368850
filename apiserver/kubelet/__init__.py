"""What a kubelet serves of a Pod, served of a VPS, as kubectl asks: exec, attach, logs, port-forward."""
