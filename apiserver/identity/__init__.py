"""Who calls: users, roles, credentials, certificates, sessions of agents."""
