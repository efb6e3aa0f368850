"""SSH into a VPS: keys in, sshd kept up, a handshake that proves it."""
