"""`python -m kohakuriver.agent.holder FOLDER DOCKER`: the session holder, without what it never needs."""

import sys

sys.modules["ssl"] = None  # type: ignore[assignment]  # unix sockets alone; asyncio does without, 4 MB less

from kohakuriver.agent.holder.holder import main  # noqa: E402 - asyncio looks for ssl when it is imported

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
