"""The two full-screen programs: the dashboard and the IDE."""
