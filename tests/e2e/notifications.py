"""The notifications page as its user sees it."""

from playwright.sync_api import Locator, expect

from tests.e2e.live import LivePage


class NotificationsPage(LivePage):
    name = "notifications"

    def run(self, id: str) -> Locator:
        return self.page.locator(f'.run[data-key="{id}"]')

    def watch(self, *ids: str) -> None:
        """Watch runs, and wait until their states are shown."""
        for id in ids:
            self.page.get_by_label("Run to watch").fill(id)
            self.page.get_by_role("button", name="Watch", exact=True).click()
            expect(self.run(id).locator(".tag")).not_to_have_text("…")

    def expect_run(self, id: str, state: str, *texts: str) -> None:
        expect(self.run(id).locator(".tag")).to_have_text(state)
        for text in texts:
            expect(self.run(id)).to_contain_text(text)

    def progress_bar(self, id: str) -> Locator:
        return self.page.get_by_label(f"Progress of {id}")

    def expect_open_alerts(self, *titles: str) -> None:
        """In this order."""
        expect(self.page.locator(".alert:not([data-settled]) strong")).to_have_text(list(titles))

    def expect_unacknowledged(self, *titles: str) -> None:
        """In this order."""
        expect(self.page.locator(".notification:not([data-settled]) strong")).to_have_text(list(titles))
