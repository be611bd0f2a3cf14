"""The `kv_namespaces` list: bindings to KV."""

from worker_runtime.config import notes
from worker_runtime.config.environments import Section
from worker_runtime.config.mistakes import Mistakes
from worker_runtime.config.model import KVBinding
from worker_runtime.config.rows import described, rows

_KEYS = ("binding", "id", "preview_id", "remote")
_FIX = 'Write binding = "NAME" and id = "name-of-the-namespace".'


def kv_bindings(section: Section, mistakes: Mistakes) -> tuple[tuple[KVBinding, ...], list[str]]:
    """Return the bindings that are right, and notes; what is wrong is added to `mistakes`."""
    found, said = list[KVBinding](), list[str]()
    place = section.place("kv_namespaces")
    for key, row in rows(section.keys.get("kv_namespaces"), place, _FIX, mistakes):
        if (binding := described(KVBinding, row, key, _FIX, mistakes)) is not None:
            found.append(binding)
            said += notes.on_unknown(row, _KEYS, prefix=f"{key}.")
            said += [f"{key}.{name}: has no effect here: ignored" for name in ("preview_id", "remote") if name in row]
    return tuple(found), said
