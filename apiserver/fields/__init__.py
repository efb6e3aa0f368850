"""Who set which field: managed fields, and server-side apply on top of them. Pure; knows no store."""
