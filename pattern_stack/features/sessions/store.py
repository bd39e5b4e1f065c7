"""Where projects are kept between sessions. Another place is another class with these four methods."""

from abc import ABC, abstractmethod


class ProjectStore(ABC):
    """Saved forms by project id. Every method raises StoreUnavailable where the place cannot be reached."""

    @abstractmethod
    async def save(self, project_id: str, form: bytes) -> None:
        """The form takes the place of an earlier one as a whole: whatever interrupts this, one of the two is there.

        Once it returns, the form survives the process.
        """

    @abstractmethod
    async def load(self, project_id: str) -> bytes:
        """The form saved last. ProjectNotFound where there is none."""

    @abstractmethod
    async def delete(self, project_id: str) -> None:
        """ProjectNotFound where there is none."""

    @abstractmethod
    async def close(self) -> None:
        """Hold nothing open. It opens again when it is used."""
