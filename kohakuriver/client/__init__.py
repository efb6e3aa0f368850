"""The API as its clients see it: `config` finds it, `rest` calls it, `watch` follows it, `events` tells."""
