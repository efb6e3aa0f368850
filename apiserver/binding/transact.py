"""The one loop in which everything is written: read, decide, commit; after a conflict decided anew.

    memory, or the store ── decide ── commit, if all that was read is still so ── answer
                              ▲                   │ something is not
                              └── what is there ──┘

What this server remembers costs no read, and the commit compares it anyway. So a first try may go by it; but
what refuses a write, or finds that it changes nothing, goes by what the store itself says. A conflict brings
what is there in the same step, and nothing is read twice.
"""

from collections.abc import Awaitable, Callable, Sequence

from kohakuriver import errors
from kohakuriver.apiserver import backing
from kohakuriver.apiserver.backing import Backing, Look
from kohakuriver.apiserver.binding import grants, quotas
from kohakuriver.apiserver.binding.orders import Records
from kohakuriver.apiserver.binding.outcome import Written
from kohakuriver.apiserver.binding.steps import Step
from kohakuriver.apiserver.objects import objects, unreadable
from kohakuriver.apiserver.store import codec
from kohakuriver.apiserver.store.base import StoreConflict
from kohakuriver.resources.kinds import ResourceType

ATTEMPTS = 8  # the first, and seven after conflicts: several tasks of a controller bind to one node at once

Deciding = Callable[[Records], Awaitable[Step]]


async def transact(
    server: Backing,
    keys: Sequence[str],
    decide: Deciding,
    *,
    about: tuple[ResourceType, str],
    from_memory: bool = False,
    dry_run: bool = False,
    turn: str | None = None,
) -> Written:
    """Commit what is decided from these keys, and answer with the object.

    `turn` is the namespace whose turn to wait for after a conflict over its bookings. Raises what `decide`
    raises over what the store says, and Conflict where others come between each time.
    """
    look = await backing.look(server, keys) if from_memory else await _fresh(server, keys)
    conflicts = 0
    while conflicts < ATTEMPTS:
        try:
            with unreadable.told(look.records):
                step = await decide(look.records)
            if step.writes or look.fresh:
                return await _committed(server, step, look.records, dry_run=dry_run)
        except StoreConflict as conflict:
            if turn is not None and grants.quota_key(turn) in conflict.actual:
                async with quotas.turn(server, turn):
                    return await transact(server, keys, decide, about=about, dry_run=dry_run)
            conflicts += 1
            look = Look({**{key: look.records[key] for key in keys}, **conflict.actual}, fresh=True)
            continue
        except (errors.ApiError, *codec.NONSENSE):
            if look.fresh:
                raise
        look = await _fresh(server, keys)
    raise objects.too_busy(*about, ATTEMPTS)


async def _fresh(server: Backing, keys: Sequence[str]) -> Look:
    return Look(await backing.read(server, keys), fresh=True)


async def _committed(server: Backing, step: Step, records: Records, *, dry_run: bool) -> Written:
    """The answer, once the step is done. Raises StoreConflict, and Forbidden where a quota has no room."""
    obj = step.object
    if dry_run:
        await server.ledger.check(step.asked)
    elif step.writes:
        revision = await _commit(server, step, records)
        obj = objects.at(obj, revision) if step.moves else obj
    return Written(obj, created=step.created, warnings=step.warnings, removed=step.removed)


async def _commit(server: Backing, step: Step, records: Records) -> int:
    expect = step.expect
    if expect is None:
        expect = {key: grants.revision_of(record) for key, record in records.items()}
    if step.asked is None:
        return await server.store.commit(expect=expect, writes=step.writes)
    async with server.ledger.room(step.asked) as place:
        revision = await server.store.commit(expect=expect, writes=step.writes)
        place.committed(revision)
    return revision
