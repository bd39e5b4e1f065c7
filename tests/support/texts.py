"""Texts that a client may send, as strategies of Hypothesis: mostly like the frames of the protocol."""

import json
from typing import Any

from hypothesis import strategies as st

scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=70)
anything = st.recursive(
    scalars, lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=8), inner), max_leaves=20
)
names = st.sampled_from(["a", "room:7", "*", "", "a" * 201]) | st.text(max_size=10)
channels = st.lists(names | anything, max_size=4) | anything
position = st.fixed_dictionaries({}, optional={"epoch": scalars, "offset": st.integers(-1, 2**70) | scalars})
keys: dict[str, Any] = dict.fromkeys(("subscribe", "unsubscribe", "refresh", "presence"), channels)
keys |= {"ping": scalars, "auth": scalars, "id": scalars, "colour": anything}
keys["since"] = st.dictionaries(names, position | anything, max_size=3) | anything
like_frames = st.fixed_dictionaries({}, optional=keys) | st.sampled_from(sorted(keys)).flatmap(
    lambda key: st.fixed_dictionaries({key: keys[key]}, optional={"id": scalars} if key != "id" else {})
)
json_texts = (like_frames | like_frames | anything).map(json.dumps)
