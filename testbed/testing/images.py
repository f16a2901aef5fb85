"""The images of an engine, in memory."""

from __future__ import annotations

from testbed.engine.unused_images import Image, Images, ImageStays, Use


class FakeImages(Images):
    """An engine's images. One whose name stands in `failing` cannot be removed.

    :param images: those that a checkout has built
    :param use: what the containers of the host use
    """

    def __init__(self, *images: Image, use: Use | None = None) -> None:
        self.images = list(images)
        self.failing: dict[str, str] = {}
        self._use = use or Use(frozenset(), frozenset())

    def built(self) -> list[Image]:
        return list(self.images)

    def use(self) -> Use:
        return self._use

    def remove(self, name: str) -> None:
        if name in self.failing:
            raise ImageStays(name=name, cause=self.failing[name])
        self.images = [image for image in self.images if image.name != name]
