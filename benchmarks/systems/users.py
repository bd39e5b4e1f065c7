"""Who connects: the dependency of the systems that authenticate."""

from fastapi import HTTPException

USERS = {"secret-of-ann": "ann"}


async def current_user(token: str = "") -> str:
    if token not in USERS:
        raise HTTPException(401)
    return USERS[token]
