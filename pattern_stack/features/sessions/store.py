"""The interface of the store that keeps projects."""

from abc import ABC, abstractmethod


class ProjectStore(ABC):
    """Saved forms by project id. Every method raises StoreUnavailable where the store cannot be reached now."""

    @abstractmethod
    async def save(self, project_id: str, form: bytes) -> None:
        """Keep the form in place of an earlier one. If this is interrupted, the whole form or the whole earlier one is kept.

        Once it returns, the form survives the process.
        """

    @abstractmethod
    async def load(self, project_id: str) -> bytes:
        """The form that was saved last. Raises ProjectNotFound."""

    @abstractmethod
    async def delete(self, project_id: str) -> None:
        """Delete the form. Raises ProjectNotFound."""

    @abstractmethod
    async def close(self) -> None:
        """Release connections and files. The next call opens them again."""
