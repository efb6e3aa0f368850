"""What a VPS looks like to a person: how it stands, and with which key one gets in."""
